//! The main job: one plan through the whole loop, with a report and a verdict.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::Context;
use fish_producer::{FishProducer, Simulation};
use observer::{Awaited, Outside};
use pipeline::EventTime;
use report::{Ledger, Report, Verdict};
use service_runtime::{CancellationToken, Tasks, UsageError};
use tokio::time::timeout_at;

use crate::embedded::{Embedded, PipelineArgs};
use crate::progress::{self, Live};

/// The demo's speed unless another one is asked for.
const SPEED: f64 = 20.0;
/// How long the pipeline may take to be ready, and to finish after the last fish was weighed.
const START: Duration = Duration::from_secs(30);
const FINISH: Duration = Duration::from_secs(20);
/// How long nothing new must come for the run to be over.
const QUIET: Duration = Duration::from_millis(500);

/// Settings of the demo.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct DemoArgs {
    /// The fish.
    #[command(flatten)]
    pub fish: fish_producer::Config,

    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArgs,

    /// Keep the store here [default: a folder that is deleted at the end]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Where the report goes.
    #[command(flatten)]
    pub output: ReportArgs,
}

/// Where a report goes besides the terminal.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct ReportArgs {
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Draw the report's figures into this folder
    #[arg(long, value_name = "DIR")]
    pub plot: Option<PathBuf>,
}

/// Runs the plan; `Ok` where the verdict is not `failed`.
///
/// # Errors
/// A [`UsageError`] for settings that cannot be used, [`Failed`] for the verdict `failed`, any
/// other error where a part of the pipeline fails.
pub async fn run(args: DemoArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    args.output.prepare()?;
    let report = report(&args, shutdown).await?;
    conclude(&report, &args.output)
}

impl ReportArgs {
    /// Makes sure that the report can be written, before a run whose report it is.
    ///
    /// # Errors
    /// A [`UsageError`] for a file or folder that cannot be written.
    pub(crate) fn prepare(&self) -> Result<(), UsageError> {
        if let Some(path) = &self.report {
            // An earlier report stays until there is a new one.
            let mut file = std::fs::OpenOptions::new();
            file.append(true)
                .create(true)
                .open(path)
                .map_err(|error| UsageError(format!("--report {}: {error}", path.display())))?;
        }
        if let Some(folder) = &self.plot {
            std::fs::create_dir_all(folder)
                .map_err(|error| UsageError(format!("--plot {}: {error}", folder.display())))?;
        }
        Ok(())
    }

    /// Writes and draws the report where that is asked for.
    ///
    /// # Errors
    /// A [`UsageError`] for a file that cannot be written.
    pub(crate) fn write(&self, report: &Report) -> anyhow::Result<()> {
        if let Some(path) = &self.report {
            let json = serde_json::to_vec_pretty(report)?;
            std::fs::write(path, json)
                .map_err(|error| UsageError(format!("--report {}: {error}", path.display())))?;
        }
        if let Some(folder) = &self.plot {
            plots::write_all(report, folder)
                .map_err(|error| UsageError(format!("--plot {}: {error}", folder.display())))?;
        }
        Ok(())
    }
}

/// Says what the report says, and writes it where that is asked for; an error for the verdict
/// `failed`.
pub(crate) fn conclude(report: &Report, output: &ReportArgs) -> anyhow::Result<()> {
    progress::say(&format!("\n{report}"));
    output.write(report)?;
    match report.verdict {
        Verdict::Recovered | Verdict::Steady => Ok(()),
        Verdict::Failed => Err(Failed.into()),
    }
}

/// The verdict was `failed`; the report says why.
#[derive(Debug, thiserror::Error)]
#[error("the verdict is failed")]
pub struct Failed;

/// Runs the plan and reports.
///
/// # Errors
/// As [`run`], except that a failed verdict is in the report.
pub async fn report(args: &DemoArgs, shutdown: CancellationToken) -> anyhow::Result<Report> {
    let began = Instant::now();
    let mut fish = args.fish.clone();
    if fish.repeat {
        let text = "--repeat: the demo ends; `catchweight up` goes on for ever";
        return Err(UsageError(text.to_owned()).into());
    }
    fish.speed.get_or_insert(SPEED);
    // A wrong plan or file is told before anything starts.
    Simulation::new(&fish).map_err(|error| UsageError(error.to_string()))?;
    let rule = args.pipeline.files.sql.read()?.trigger_rule()?;
    let checked = rule.check_delay(fish.weigh_delay);
    checked.map_err(|error| UsageError(format!("--weigh-delay: {error}")))?;
    let temporary = tempfile::tempdir().context("no temporary folder can be made")?;
    let data_dir = args
        .data_dir
        .clone()
        .unwrap_or_else(|| temporary.path().to_owned());

    let mut tasks = Tasks::new(shutdown.child_token());
    let stop = tasks.shutdown();
    let embedded =
        Embedded::start(&args.pipeline, &data_dir, Ledger::default(), &mut tasks).await?;
    let outcome = {
        let flow = flow(&embedded, &fish, stop.clone());
        let failure = tasks.join();
        tokio::pin!(flow, failure);
        let outcome = tokio::select! {
            outcome = &mut flow => Some(outcome),
            ended = &mut failure => {
                ended?;
                None
            }
        };
        let interrupted = shutdown.is_cancelled();
        let Some(outcome) = outcome.filter(|_| !interrupted) else {
            anyhow::bail!("interrupted before the plan ended: no report");
        };
        stop.cancel();
        failure.await?;
        outcome?
    };
    let Outcome {
        planned,
        outside,
        faults,
        first_prediction,
    } = outcome;
    let mut report = embedded
        .watched()
        .report(&outside, planned, began.elapsed(), faults);
    report.first_prediction_seconds = first_prediction.map(|delay| delay.as_secs_f64());
    Ok(report)
}

/// How a run of the plan ended.
struct Outcome {
    planned: Option<u64>,
    outside: Outside,
    faults: Vec<String>,
    /// From the predictor's assignment to the first prediction on its topic.
    first_prediction: Option<Duration>,
}

async fn flow(
    embedded: &Embedded,
    fish: &fish_producer::Config,
    stop: CancellationToken,
) -> anyhow::Result<Outcome> {
    embedded.introduce().await?;
    timeout_at(deadline(START), embedded.readiness().ready())
        .await
        .context("the pipeline was not ready in time")?;
    let assigned = Instant::now();
    // Bound only now: the plan's start is chosen by the clock.
    let mut fish = fish.clone();
    embedded.begin_after_stored(&mut fish).await?;
    let producer = FishProducer::bind(&fish, embedded.kafka())?;
    let simulation = producer.simulation();
    let planned = simulation.count();
    progress::say_seed(simulation);
    let speed = simulation.speed();
    let last = simulation
        .fish()
        .last()
        .map_or(simulation.start(), |fish| fish.weighed_at);
    let event_span = last
        .as_millis()
        .saturating_sub(simulation.start().as_millis());
    let lead = simulation
        .start()
        .as_millis()
        .saturating_sub(EventTime::now().as_millis())
        .max(0);
    let span = Duration::from_secs_f64(event_span.max(0) as f64 / 1000.0 / speed)
        + Duration::from_millis(lead.unsigned_abs());

    let watched = embedded.watched();
    let awaited = Awaited::of_plan(planned);
    let first_prediction = OnceLock::new();
    let whole = async {
        let first = async {
            watched.observer.first_prediction().await;
            first_prediction.get_or_init(|| assigned.elapsed());
            Ok(())
        };
        tokio::try_join!(producer.run(stop), first)?;
        watched.settled(awaited, QUIET).await;
        anyhow::Ok(())
    };
    let mut live = Live::of(watched.observer.clone());
    let ended = tokio::select! {
        ended = timeout_at(deadline(span + FINISH), whole) => ended,
        () = live.show() => Ok(Ok(())),
    };
    let (outside, faults) = match ended {
        Ok(ended) => {
            ended?;
            (watched.outside().await, Vec::new())
        }
        Err(_) => {
            watched
                .last_look(awaited, "the deadline passed while")
                .await
        }
    };
    live.done();
    // Who looks sees the end.
    embedded.looks().refresh().await;
    Ok(Outcome {
        planned,
        outside,
        faults,
        first_prediction: first_prediction.into_inner(),
    })
}

fn deadline(from_now: Duration) -> tokio::time::Instant {
    tokio::time::Instant::now() + from_now
}
