//! `verify`: the demo's report and verdict for any running pipeline.

use std::time::{Duration, Instant};

use anyhow::Context;
use kafka_io::KafkaSettings;
use model_store::StoreAddress;
use observer::{ModelApi, Observer, PipelineView, Snapshot, Start, StoredRows};
use pipeline_folder::FolderArgs;
use report::{Ledger, Report, Selection, Verdict};
use service_runtime::client::ModelClientArgs;
use service_runtime::{CancellationToken, Tasks, UsageError};

use crate::output::ReportArgs;
use crate::pipeline_files::FileArgs;
use crate::progress::Live;

/// The pause between two reports with `--follow`.
const FOLLOW_PAUSE: Duration = Duration::from_secs(1);
/// The run is settled if nothing new arrives for this long after every record is stored: the last rows may
/// still lead to a trigger.
const QUIET: Duration = Duration::from_secs(5);
/// Timeout for Kafka's first answer.
const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// Event time in which a record of a running pipeline is stored.
const IN_FLIGHT: Duration = Duration::from_secs(60);

/// Settings of `verify`.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct VerifyArgs {
    /// Where the pipeline's Kafka is.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// URL of the model server
    #[arg(long, env = "MODEL_URL", default_value = "http://127.0.0.1:8000")]
    pub model_url: String,

    /// Whom to trust, and the model server's token.
    #[command(flatten)]
    pub access: ModelClientArgs,

    /// The store of the training data: sqlite:PATH,
    /// mongodb://USER:PASSWORD@HOST/AUTHENTICATION-DATABASE, or @FILE with one of them in a file
    #[arg(long, env = "MODEL_STORE", hide_env_values = true)]
    pub store: StoreAddress,

    /// Wait for a verdict: for the first drift that ended, or with --fish for that many records. Records in
    /// flight are left out
    #[arg(long)]
    pub follow: bool,

    /// How many records to expect [default: those measured before the start]
    #[arg(long, env = "FISH", value_name = "NUMBER")]
    pub fish: Option<u64>,

    /// How long to wait for missing records without any progress, in seconds; with --follow and without
    /// --fish, how long to wait for the end of a drift
    #[arg(long, env = "TIMEOUT", default_value_t = 300, value_name = "SECONDS")]
    pub timeout: u64,

    /// Where the report goes.
    #[command(flatten)]
    pub output: ReportArgs,

    /// The pipeline.
    #[command(flatten)]
    pub folder: FolderArgs,

    /// The files that define the pipeline; the threshold and the window are read from the SQL.
    #[command(flatten)]
    pub files: FileArgs,
}

/// Reports on a running pipeline. Returns `Ok` unless the verdict is `failed`.
///
/// # Errors
/// A usage error for an invalid setting, [`Failed`](crate::output::Failed) for the verdict `failed`, any
/// other error if topics, model API or store cannot be read.
pub async fn run(args: VerifyArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let began = Instant::now();
    args.output.prepare()?;
    let folder = args.folder.open()?;
    let definition = folder.definition;
    let rule = args.files.sql(&folder)?.trigger_rule()?;
    let store = args.store.open_read_only(definition).await;
    let store = store.map_err(|error| UsageError(error.to_string()))?;
    args.kafka.wait_for_broker(FIRST_ANSWER).await?;
    let mut tasks = Tasks::new(shutdown.child_token());
    let stop = tasks.shutdown();
    let view = PipelineView {
        observer: Observer::start(
            &args.kafka,
            Ledger::new(definition),
            Start::Beginning,
            &mut tasks,
        )?,
        model_api: ModelApi::new(args.model_url.clone(), &args.access, definition)?,
        stored: StoredRows::of(store),
        rule,
    };

    let mut live = Live::of(view.observer.clone(), args.fish);
    let (report, selection) = {
        let report = report(&args, &view, began);
        let failure = tasks.join();
        tokio::pin!(report, failure);
        let report = tokio::select! {
            report = &mut report => Some(report),
            never = live.show() => match never {},
            refusal = view.observer.refused() => anyhow::bail!(refusal),
            ended = &mut failure => { ended?; None }
        };
        let report = report.context("stopped before there was a verdict")?;
        stop.cancel();
        failure.await?;
        report
    };
    live.done();
    let ledger = view.observer.ledger();
    args.output.conclude(report, &ledger, &selection)
}

/// The report, and which records it is about.
async fn report(args: &VerifyArgs, view: &PipelineView, began: Instant) -> (Report, Selection) {
    let timeout = Duration::from_secs(args.timeout);
    if args.follow && args.fish.is_none() {
        return first_recovery(view, timeout, began).await;
    }
    let caught_up = view.caught_up(timeout).await;
    let selection = Selection {
        until: match args.fish {
            Some(_) => None,
            None => view.observer.ledger().newest_measurement(),
        },
        ..Selection::default()
    };
    view.observer.ledger().count_until(selection.until);
    let settled = async {
        caught_up?;
        view.settled(args.fish, QUIET, timeout).await
    };
    let stalled = settled.await.err();
    let faults = stalled.map(|stalled| stalled.to_string());
    let faults = faults.into_iter().collect();
    let snapshot = view.snapshot().await;
    let report = view.report(selection, &snapshot, args.fish, began.elapsed(), faults);
    (report, snapshot.knowing_store(selection))
}

/// Waits for the first report of a drift that ended, at most `timeout`.
async fn first_recovery(
    view: &PipelineView,
    timeout: Duration,
    began: Instant,
) -> (Report, Selection) {
    let report = |snapshot: &Snapshot, faults| {
        let all = snapshot.knowing_store(Selection::default());
        let settled = all.without_in_flight(&view.observer.ledger(), IN_FLIGHT);
        let report = view.report(settled, snapshot, None, began.elapsed(), faults);
        (report, settled)
    };
    let recovered = async {
        view.observer.caught_up().await;
        loop {
            let looked = Instant::now();
            let found = report(&view.snapshot().await, Vec::new());
            if found.0.verdict == Verdict::Recovered {
                return found;
            }
            // A report of many records takes long: spend little of the time on reports.
            tokio::time::sleep(FOLLOW_PAUSE.max(10 * looked.elapsed())).await;
        }
    };
    if let Ok(found) = tokio::time::timeout(timeout, recovered).await {
        return found;
    }
    let fault = format!("no drift has ended within {} s", timeout.as_secs());
    report(&view.snapshot().await, vec![fault])
}
