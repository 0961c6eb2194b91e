//! The two machines: the simulation's events on their topics, at the right moment.

use kafka_io::KafkaSettings;
use pipeline::EventTime;
use rdkafka::error::KafkaError;
use service_runtime::{CancellationToken, Readiness, UsageError};
use tokio::time::Instant;

use crate::Config;
use crate::connection::Connection;
use crate::deliveries::{Deliveries, MOST_IN_FLIGHT};
use crate::machines::Machines;
use crate::pacing::Pacing;
use crate::progress::Progress;
use crate::simulation::{Past, Simulation};

/// Writes a simulation to the topics `machine-measurement` and `machine-weight`.
#[derive(Debug)]
pub struct FishProducer {
    simulation: Simulation,
    deliveries: Deliveries,
    connection: Connection,
    progress: Progress,
    readiness: Readiness,
}

impl FishProducer {
    /// Checks all settings and reads the user's file; does not speak to Kafka yet.
    ///
    /// # Errors
    /// A [`UsageError`] where a setting, the file or a Kafka property is wrong.
    pub fn bind(config: &Config, kafka: &KafkaSettings) -> anyhow::Result<Self> {
        let simulation = Simulation::new(config).map_err(usage)?;
        let progress = Progress::default();
        let readiness = Readiness::not_yet("not connected to Kafka yet");
        let property =
            |error: KafkaError| UsageError(format!("a Kafka property is wrong: {error}"));
        Ok(Self {
            simulation,
            deliveries: Deliveries::new(kafka, progress.clone()).map_err(property)?,
            connection: Connection::new(kafka, readiness.clone()).map_err(property)?,
            progress,
            readiness,
        })
    }

    /// What [`Self::run`] will do on topics that hold nothing yet, fish by fish (except that a
    /// plan that is repeated starts when it runs). On topics that hold fish it goes on after them,
    /// see [`resume`](crate::simulation::resume).
    pub fn simulation(&self) -> &Simulation {
        &self.simulation
    }

    /// How far it is; shared, so that it can be kept while it runs.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Whether it reaches Kafka; shared, so that it can be kept while it runs.
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Waits for Kafka, then writes until the plan ends and all records are acknowledged, or until
    /// `shutdown` is cancelled and what is in flight is acknowledged.
    ///
    /// # Errors
    /// Where a record is not acknowledged, or the settings do not fit what the topics hold (a
    /// [`UsageError`]).
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let depth = self.simulation.most_on_the_belt() + MOST_IN_FLIGHT as u64 + 1;
        let Some(past) = self.connection.past(depth, &shutdown).await? else {
            return Ok(());
        };
        let now = EventTime::now();
        let simulation = self.simulation.after(&past, now).map_err(usage)?;
        log_start(&simulation, &past, now);
        let origin = Instant::now() + simulation.lead(now);
        let pacing = Pacing::new(origin, simulation.start(), simulation.speed());
        let machines = Machines {
            deliveries: self.deliveries,
            readiness: self.readiness,
            shutdown,
        };
        machines.run(&simulation, pacing).await?;
        let (measured, weighed) = (self.progress.measured(), self.progress.weighed());
        tracing::info!(measured, weighed, "all records are acknowledged");
        Ok(())
    }
}

fn usage(error: impl std::error::Error) -> anyhow::Error {
    UsageError(error.to_string()).into()
}

fn log_start(simulation: &Simulation, past: &Past, now: EventTime) {
    let (seed, start) = (simulation.seed(), simulation.start());
    match simulation.count() {
        Some(0) => tracing::warn!(
            "all fish of the file are on the topics already; to measure them again, give them other ids"
        ),
        Some(fish) => {
            tracing::info!(fish, seed, %start, speed = simulation.speed(), "the plan starts")
        }
        None => tracing::info!(seed, %start, "the plan starts and is repeated until stopped"),
    }
    let lead_s = simulation.lead(now).as_secs();
    if lead_s > 60 {
        tracing::warn!(
            "what is on the topics is ahead of the clock: the first fish is measured in {lead_s} s; to start sooner, use a broker or topics without these records"
        );
    } else if lead_s > 0 {
        tracing::info!("the first fish is measured in {lead_s} s, when the clock is there");
    }
    let overdue = simulation.overdue().len();
    if overdue > 0 {
        tracing::info!(
            fish = overdue,
            "weighing what an earlier run left unweighed"
        );
    }
    let lost = past.unweighed.len() - overdue;
    if lost > 0 {
        tracing::warn!(
            fish = lost,
            "an earlier run left fish unweighed that this simulation does not know; they stay so"
        );
    }
}
