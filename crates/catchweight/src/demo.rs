//! The demo: one plan through the whole loop, with a report and a verdict.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::Context;
use observer::{Observer, Snapshot};
use pipeline::Definition;
use pipeline_folder::Folder;
use report::{Ledger, Report, Selection};
use service_runtime::{CancellationToken, Tasks, UsageError};
use tokio::time::timeout;

use crate::embedded::{Embedded, PipelineArgs};
use crate::output::ReportArgs;
use crate::producer::{self, Producer};
use crate::progress::{self, Live};

/// Timeout for the pipeline to become ready.
const START: Duration = Duration::from_secs(30);
/// Timeout without progress.
const PATIENCE: Duration = Duration::from_secs(30);
/// The run is over once nothing new has arrived for this long.
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

/// Runs the plan. Returns `Ok` unless the verdict is `failed`.
///
/// # Errors
/// A [`UsageError`] for an invalid setting, [`Failed`](crate::output::Failed) for the verdict `failed`,
/// any other error if a part of the pipeline fails.
pub async fn run(args: DemoArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    args.output.prepare()?;
    let finished = finished(&args, shutdown).await?;
    let ledger = finished.observer.ledger();
    args.output
        .conclude(finished.report, &ledger, &finished.selection)
}

/// A run that has ended.
struct Finished {
    /// The report, without the rows of the fish.
    report: Report,
    observer: Observer,
    /// Which fish the report is about.
    selection: Selection,
}

/// Runs the plan and returns its report, whatever the verdict.
///
/// # Errors
/// A [`UsageError`] for an invalid setting; any other error if a part of the pipeline fails, or if
/// `shutdown` is cancelled before the end of the plan.
///
/// ```no_run
/// use catchweight::demo::{DemoArgs, report};
/// use service_runtime::CancellationToken;
///
/// # async fn run() -> anyhow::Result<()> {
/// let report = report(&DemoArgs::default(), CancellationToken::new()).await?;
/// println!("{}", report.verdict);
/// # Ok(())
/// # }
/// ```
pub async fn report(args: &DemoArgs, shutdown: CancellationToken) -> anyhow::Result<Report> {
    let finished = finished(args, shutdown).await?;
    let ledger = finished.observer.ledger();
    Ok(Report {
        record_rows: report::record_rows(&ledger, &finished.selection).collect(),
        ..finished.report
    })
}

async fn finished(args: &DemoArgs, shutdown: CancellationToken) -> anyhow::Result<Finished> {
    let began = Instant::now();
    let fish = args.fish.clone();
    if fish.repeat {
        let text = "--repeat: the demo runs a plan once; use `catchweight up` to repeat it";
        return Err(UsageError(text.to_owned()).into());
    }
    let folder = args.pipeline.folder.open()?;
    if folder.definition == Definition::shipped() {
        args.pipeline.check(&folder, &fish)?;
    } else {
        producer::check_rows(&folder, &args.pipeline, &fish)?;
    }
    let temporary = tempfile::tempdir().context("cannot create a temporary folder")?;
    let data_dir = args.data_dir.as_deref().unwrap_or(temporary.path());

    let mut tasks = Tasks::new(shutdown.child_token());
    let stop = tasks.shutdown();
    let embedded = Embedded::start(
        &args.pipeline,
        &folder,
        data_dir,
        Ledger::new(folder.definition),
        &mut tasks,
    )
    .await?;
    let outcome = {
        let run = run_plan(&embedded, &folder, fish, stop.clone());
        let failure = tasks.join();
        tokio::pin!(run, failure);
        let outcome = tokio::select! {
            outcome = &mut run => Some(outcome),
            ended = &mut failure => {
                ended?;
                None
            }
        };
        let interrupted = shutdown.is_cancelled();
        let Some(outcome) = outcome.filter(|_| !interrupted) else {
            anyhow::bail!("interrupted before the end of the plan: no report");
        };
        stop.cancel();
        failure.await?;
        outcome?
    };
    let view = embedded.view();
    let wall = began.elapsed();
    let selection = outcome.snapshot.knowing_store(Selection::default());
    let planned = outcome.planned;
    let mut report = view.report(selection, &outcome.snapshot, planned, wall, outcome.faults);
    let first_prediction = outcome.first_prediction;
    report.first_prediction_seconds = first_prediction.map(|delay| delay.as_secs_f64());
    Ok(Finished {
        report,
        observer: view.observer.clone(),
        selection,
    })
}

/// The end of a run of the plan.
struct Outcome {
    planned: Option<u64>,
    snapshot: Snapshot,
    faults: Vec<String>,
    /// From the predictor's partition assignment to the first prediction on its topic.
    first_prediction: Option<Duration>,
}

async fn run_plan(
    embedded: &Embedded,
    folder: &Folder,
    fish: fish_producer::Config,
    stop: CancellationToken,
) -> anyhow::Result<Outcome> {
    embedded.print_addresses().await?;
    let ready = timeout(START, embedded.readiness().ready()).await;
    ready.with_context(|| format!("the pipeline was not ready within {} s", START.as_secs()))?;
    let assigned = Instant::now();
    // Created only now, because the start of the plan depends on the clock.
    let producer = if folder.definition == Definition::shipped() {
        Producer::of_fish(embedded, fish, stop).await?
    } else {
        Producer::of_rows(embedded, folder, &fish, stop)?
    };
    let Producer {
        planned,
        speed,
        span,
        throttle,
        run,
    } = producer;

    let view = embedded.view();
    let pace = throttle.pace();
    let mut took = Duration::ZERO;
    let first_prediction = OnceLock::new();
    let whole = async {
        let first = async {
            view.observer.first_prediction().await;
            first_prediction.get_or_init(|| assigned.elapsed());
        };
        let settled = async {
            let began = Instant::now();
            tokio::select! {
                ended = run => ended?,
                Err(stalled) = throttle.run(PATIENCE) => return Ok(Some(stalled)),
            }
            took = began.elapsed();
            let settled = view.settled(planned, QUIET, PATIENCE);
            anyhow::Ok(settled.await.err())
        };
        // A pipeline without any prediction stalls.
        tokio::pin!(first, settled);
        tokio::select! {
            () = &mut first => settled.await,
            stalled = &mut settled => stalled,
        }
    };
    let mut live = Live::of(view.observer.clone(), planned);
    let stalled = tokio::select! {
        stalled = whole => stalled?,
        never = live.show() => match never {},
    };
    let snapshot = view.snapshot().await;
    live.done();
    progress::say_pace(folder.definition, speed, span, took, &pace);
    embedded.refresh_page().await;
    Ok(Outcome {
        planned,
        snapshot,
        faults: stalled
            .map(|stalled| stalled.to_string())
            .into_iter()
            .collect(),
        first_prediction: first_prediction.into_inner(),
    })
}
