//! What the demo sends through the pipeline: simulated fish, or the rows of a file.

use std::time::Duration;

use feed::Feeder;
use feed::feeder::PaceArgs;
use fish_producer::producer::records_by_fish;
use fish_producer::{FishProducer, MAX_SPEED, Simulation};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use pipeline_folder::Folder;
use service_runtime::{CancellationToken, UsageError};

use crate::embedded::{Embedded, PipelineArgs};
use crate::progress;
use crate::throttle::{Source, Throttle};

/// The default speed of the demo.
const SPEED: f64 = 20.0;
/// Files with more records run as fast as the pipeline keeps up.
const SLOW_RECORDS: u64 = 2_000;

/// What is sent through the pipeline.
pub(crate) struct Producer {
    /// How many records it sends, if it ends.
    pub(crate) planned: Option<u64>,
    pub(crate) speed: f64,
    /// Event time from the first to the last record.
    pub(crate) span: Duration,
    pub(crate) throttle: Throttle,
    pub(crate) run: LocalBoxFuture<'static, anyhow::Result<()>>,
}

impl Producer {
    /// Simulated fish, or fish from a file.
    pub(crate) async fn of_fish(
        embedded: &Embedded,
        mut fish: fish_producer::Config,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        if fish.speed.is_none() {
            let count = Simulation::new(&fish)?.count();
            let count = count.filter(|_| fish.input.is_some());
            fish.speed = Some(default_speed(count));
        }
        embedded.begin_after_stored(&mut fish).await?;
        let producer = FishProducer::bind(&fish, embedded.kafka())?;
        let simulation = producer.simulation();
        progress::say_seed(simulation);
        let ahead = fish_ahead(simulation);
        if ahead.is_some() {
            embedded.at_full_speed();
        }
        let (throttle, limit) = Throttle::new(embedded.view(), simulation.start(), ahead);
        Ok(Self {
            planned: simulation.count(),
            speed: simulation.speed(),
            span: simulation.span(),
            throttle,
            run: producer.limited_by(limit).run(stop).boxed_local(),
        })
    }

    /// The rows of the folder's file, or of `--input`.
    pub(crate) fn of_rows(
        embedded: &Embedded,
        folder: &Folder,
        settings: &fish_producer::Config,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let pace = PaceArgs {
            speed: SPEED,
            start_time: settings.start_time,
        };
        let file = settings.input.as_deref();
        let feeder = Feeder::bind(folder, file, pace, embedded.kafka())?;
        let count = feeder.schedule().count();
        let speed = settings.speed.unwrap_or_else(|| default_speed(Some(count)));
        let mut feeder = feeder.at_speed(speed);
        let start = feeder.begin();
        let schedule = feeder.schedule();
        let (span, unusable) = (schedule.span(), schedule.unusable());
        let records = folder.definition.counted(count);
        progress::say(&format!("rows        {records}\n"));
        if unusable.count() > 0 {
            progress::say(&unusable.to_string());
        }
        let ahead: Option<Source> = if speed == MAX_SPEED {
            embedded.at_full_speed();
            Some(Box::new(schedule.reopened()?.records(start)?))
        } else {
            None
        };
        let (throttle, limit) = Throttle::new(embedded.view(), start, ahead);
        Ok(Self {
            planned: Some(count),
            speed,
            span,
            throttle,
            run: feeder.limited_by(limit).run(stop).boxed_local(),
        })
    }
}

/// The speed of a file with this many records; `None` without a file.
fn default_speed(count: Option<u64>) -> f64 {
    if count.is_some_and(|count| count > SLOW_RECORDS) {
        MAX_SPEED
    } else {
        SPEED
    }
}

/// What the throttle reads ahead of simulated fish.
pub(crate) fn fish_ahead(simulation: &Simulation) -> Option<Source> {
    let at_full_speed = simulation.speed() == MAX_SPEED;
    at_full_speed.then(|| -> Source { Box::new(records_by_fish(simulation.clone())) })
}

/// Checks the files of a folder, and that no setting of the simulated fish is given.
pub(crate) fn check_rows(
    folder: &Folder,
    args: &PipelineArgs,
    fish: &fish_producer::Config,
) -> Result<(), UsageError> {
    let none = fish_producer::Config::default();
    let simulated = [
        ("--plan", fish.plan != none.plan),
        ("--seed", fish.seed.is_some()),
        ("--interval", fish.interval != none.interval),
        ("--weigh-delay", fish.weigh_delay != none.weigh_delay),
    ];
    if let Some((flag, _)) = simulated.into_iter().find(|(_, given)| *given) {
        return Err(UsageError(format!(
            "{flag} is for simulated fish, and this pipeline sends rows; set the times in [feed] of pipeline.toml"
        )));
    }
    let mut problems = pipeline_folder::check::problems(folder);
    if args.files.sql.sql.is_some() || args.files.connectors.is_some() {
        // The user replaces files of the folder.
        problems.clear();
    }
    match problems.as_slice() {
        [] => Ok(()),
        problems => {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Err(UsageError(lines.join("; ")))
        }
    }
}
