//! Writes the simulation's events to their topics at their time.

use anyhow::Context;
use feed::{Deliveries, Kind, Limit, MAX_IN_FLIGHT, Outgoing, Pacing, Player, Progress};
use kafka_io::KafkaSettings;
use pipeline::{EventTime, ToWire, topics};
use rdkafka::error::KafkaError;
use service_runtime::{CancellationToken, Readiness, UsageError};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::Config;
use crate::connection::Connection;
use crate::simulation::{Event, Past, Simulation};

/// Writes a simulation to the topics `machine-measurement` and `machine-weight`.
#[derive(Debug)]
pub struct FishProducer {
    simulation: Simulation,
    deliveries: Deliveries,
    connection: Connection,
    progress: Progress,
    readiness: Readiness,
    limit: watch::Receiver<Limit>,
}

impl FishProducer {
    /// Checks all settings and reads the user's file. It does not connect to Kafka.
    ///
    /// # Errors
    /// A [`UsageError`] if a setting, the file or a Kafka property is invalid.
    pub fn bind(config: &Config, kafka: &KafkaSettings) -> anyhow::Result<Self> {
        let simulation = Simulation::new(config).map_err(usage)?;
        let progress = Progress::default();
        let readiness = Readiness::not_yet("not connected to Kafka yet");
        let property = |error: KafkaError| UsageError(format!("invalid Kafka properties: {error}"));
        Ok(Self {
            simulation,
            deliveries: Deliveries::new(kafka, "fish-producer", progress.clone())
                .map_err(property)?,
            connection: Connection::new(kafka, readiness.clone()).map_err(property)?,
            progress,
            readiness,
            limit: watch::channel(Limit::NONE).1,
        })
    }

    /// Makes the machines wait at a limit, whatever the speed.
    #[must_use]
    pub fn limited_by(self, limit: watch::Receiver<Limit>) -> Self {
        Self { limit, ..self }
    }

    /// The simulation that [`Self::run`] writes to empty topics; the start of a repeated plan changes to
    /// the time of the run. On topics with fish it continues after them, see
    /// [`resume`](crate::simulation::resume).
    pub fn simulation(&self) -> &Simulation {
        &self.simulation
    }

    /// The progress, shared with the run.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Whether Kafka is reachable, shared with the run.
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Waits for Kafka, then writes until the plan ends or `shutdown` is cancelled, and waits for the
    /// acknowledgements.
    ///
    /// # Errors
    /// If a record is not acknowledged, or a setting contradicts the records on the topics (a
    /// [`UsageError`]).
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let depth = self.simulation.max_unweighed() + MAX_IN_FLIGHT as u64 + 1;
        let Some(past) = self.connection.past(depth, &shutdown).await? else {
            return Ok(());
        };
        let now = EventTime::now();
        let simulation = self.simulation.after(&past, now).map_err(usage)?;
        log_start(&simulation, &past, now);
        let origin = Instant::now() + simulation.lead(now);
        let pacing = Pacing::new(origin, simulation.start(), simulation.speed());
        let player = Player {
            deliveries: self.deliveries,
            readiness: self.readiness,
            shutdown,
            limit: self.limit,
        };
        player
            .run(simulation.events().map(outgoing), pacing)
            .await?;
        let (measured, weighed) = (self.progress.measured(), self.progress.actual());
        tracing::info!(measured, weighed, "all records are acknowledged");
        Ok(())
    }
}

/// The two records of each fish, fish by fish, from the first one of the simulation on.
pub fn records_by_fish(
    simulation: Simulation,
) -> impl Iterator<Item = anyhow::Result<Outgoing>> + Send + Sync + 'static {
    (0..)
        .map_while(move |n| simulation.fish_from(n).next())
        .flat_map(|fish| {
            [
                Event::Measured(fish.measurement()),
                Event::Weighed(fish.weighing()),
            ]
        })
        .map(outgoing)
}

/// The record of an event: the key is the fish's id, the timestamp is event time.
/// The record of an event.
///
/// # Errors
/// A measure is not a finite number.
pub fn outgoing(event: Event) -> anyhow::Result<Outgoing> {
    let (kind, topic, value) = match &event {
        Event::Measured(fish) => (Kind::Measured, topics::MACHINE_MEASUREMENT, fish.to_wire()),
        Event::Weighed(fish) => (Kind::Actual, topics::MACHINE_WEIGHT, fish.to_wire()),
    };
    let key = event.fish_id().to_owned();
    let value = value.with_context(|| format!("the record of fish {key} cannot be serialized"))?;
    Ok(Outgoing {
        kind,
        topic,
        key,
        value,
        at: event.at(),
    })
}

fn usage(error: impl std::error::Error) -> anyhow::Error {
    UsageError(error.to_string()).into()
}

fn log_start(simulation: &Simulation, past: &Past, now: EventTime) {
    let (seed, start) = (simulation.seed(), simulation.start());
    match simulation.count() {
        Some(0) => tracing::warn!(
            "all fish of the file are already on the topics; use other ids to measure them again"
        ),
        Some(fish) => {
            tracing::info!(fish, seed, %start, speed = simulation.speed(), "the plan starts")
        }
        None => tracing::info!(seed, %start, "the plan starts and repeats until stopped"),
    }
    let lead_s = simulation.lead(now).as_secs();
    if lead_s > 60 {
        tracing::warn!(
            "the records on the topics are ahead of the clock: waiting {lead_s} s for the simulated start time; to start sooner, use a broker or topics without these records"
        );
    } else if lead_s > 0 {
        tracing::info!("waiting {lead_s} s for the simulated start time");
    }
    let overdue = simulation.overdue().len();
    if overdue > 0 {
        tracing::info!(
            fish = overdue,
            "weighing fish that an earlier run left unweighed"
        );
    }
    let lost = past.unweighed.len() - overdue;
    if lost > 0 {
        tracing::warn!(
            fish = lost,
            "an earlier run left unweighed fish that this simulation does not know; they stay unweighed"
        );
    }
}
