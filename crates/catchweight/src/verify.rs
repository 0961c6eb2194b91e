//! `verify`: the demo's report and verdict for any running pipeline.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::Context;
use kafka_io::KafkaSettings;
use model_store::StoreAddress;
use observer::{Awaited, ModelApi, Observer, PipelineView, Snapshot, Start, StoredRows};
use pipeline::EventTime;
use report::{Ledger, Report, Verdict};
use service_runtime::{CancellationToken, Tasks, UsageError};

use crate::output::ReportArgs;
use crate::pipeline_files::FileArgs;
use crate::progress::Live;

/// The pause between two reports with `--follow`.
const FOLLOW_PAUSE: Duration = Duration::from_secs(1);
/// The run is settled if nothing new arrives for this long after every fish is stored: the last rows may
/// still lead to a trigger.
const QUIET: Duration = Duration::from_secs(5);
/// Timeout for Kafka's first answer.
const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// Event time in which a fish of a running pipeline is stored.
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

    /// The store of the training data: sqlite:PATH, or
    /// mongodb://USER:PASSWORD@HOST/AUTHENTICATION-DATABASE
    #[arg(long, env = "MODEL_STORE", hide_env_values = true)]
    pub store: StoreAddress,

    /// Wait for a verdict: for the first drift that ended, or with --fish for that many fish. Fish in
    /// flight are left out
    #[arg(long)]
    pub follow: bool,

    /// How many fish to expect [default: the fish measured before the start]
    #[arg(long, env = "FISH", value_name = "NUMBER")]
    pub fish: Option<u64>,

    /// How long to wait for missing fish, in seconds
    #[arg(long, env = "TIMEOUT", default_value_t = 300, value_name = "SECONDS")]
    pub timeout: u64,

    /// Where the report goes.
    #[command(flatten)]
    pub output: ReportArgs,

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
    let rule = args.files.sql.read()?.trigger_rule()?;
    let store = args.store.open_read_only().await;
    let store = store.map_err(|error| UsageError(error.to_string()))?;
    args.kafka.wait_for_broker(FIRST_ANSWER).await?;
    let mut tasks = Tasks::new(shutdown.child_token());
    let stop = tasks.shutdown();
    let view = PipelineView {
        observer: Observer::start(&args.kafka, Ledger::default(), Start::Beginning, &mut tasks)?,
        model_api: ModelApi::new(args.model_url.clone())?,
        stored: StoredRows::of(store),
        rule,
    };

    let mut live = Live::of(view.observer.clone());
    let report = {
        let report = report(&args, &view, began);
        let failure = tasks.join();
        tokio::pin!(report, failure);
        let report = tokio::select! {
            report = &mut report => Some(report),
            never = live.show() => match never {},
            ended = &mut failure => { ended?; None }
        };
        let report = report.context("stopped before there was a verdict")?;
        stop.cancel();
        failure.await?;
        report
    };
    live.done();
    args.output.conclude(&report)
}

async fn report(args: &VerifyArgs, view: &PipelineView, began: Instant) -> Report {
    let follow_drift = args.follow && args.fish.is_none();
    let subject = OnceLock::new();
    let whole = async {
        view.observer.caught_up().await;
        if follow_drift {
            return first_recovery(view, began).await;
        }
        let subject = *subject.get_or_init(|| Subject::now(args.fish, view));
        // Cannot stall: the timeout of the whole report bounds it.
        let _ = view.settled(subject.awaited(), QUIET, Duration::MAX).await;
        subject.report(view, &view.snapshot().await, began, Vec::new())
    };
    let timeout = Duration::from_secs(args.timeout);
    if let Ok(report) = tokio::time::timeout(timeout, whole).await {
        return report;
    }
    let subject = subject.into_inner();
    let subject = subject.unwrap_or_else(|| Subject::now(args.fish, view));
    let (snapshot, missing) = view.snapshot_after_timeout(subject.awaited()).await;
    let mut faults = vec![format!("timeout after {} s: {missing}", args.timeout)];
    if follow_drift {
        faults.push("no drift has ended yet".to_owned());
    }
    subject.report(view, &snapshot, began, faults)
}

/// Which fish the report is about: the planned ones, or those measured until a time.
#[derive(Clone, Copy)]
struct Subject {
    planned: Option<u64>,
    until: Option<EventTime>,
}

impl Subject {
    fn now(planned: Option<u64>, view: &PipelineView) -> Self {
        let newest = || view.observer.ledger().newest_measurement();
        Self {
            planned,
            until: planned.map_or_else(newest, |_| None),
        }
    }

    fn awaited(self) -> Awaited {
        self.planned
            .map_or(Awaited::MeasuredUntil(self.until), Awaited::Planned)
    }

    fn report(
        self,
        view: &PipelineView,
        snapshot: &Snapshot,
        began: Instant,
        faults: Vec<String>,
    ) -> Report {
        let mut ledger = view.observer.ledger().clone();
        if let Some(until) = self.until {
            ledger = ledger.measured_until(until);
        }
        view.report_of(&ledger, snapshot, self.planned, began.elapsed(), faults)
    }
}

/// Waits for the first report of a drift that ended.
async fn first_recovery(view: &PipelineView, began: Instant) -> Report {
    loop {
        let snapshot = view.snapshot().await;
        let ledger = view.observer.ledger().clone();
        let settled = ledger.without_in_flight(snapshot.stored.as_ref(), IN_FLIGHT);
        let report = view.report_of(&settled, &snapshot, None, began.elapsed(), Vec::new());
        if report.verdict == Verdict::Recovered {
            return report;
        }
        tokio::time::sleep(FOLLOW_PAUSE).await;
    }
}
