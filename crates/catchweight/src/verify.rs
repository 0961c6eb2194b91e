//! The demo's report and verdict for any running pipeline, from outside.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::Context;
use kafka_io::KafkaSettings;
use model_server::StoreAddress;
use observer::{Awaited, ModelApi, Observer, Outside, Start, StoredRows, Watched};
use pipeline::EventTime;
use report::{Ledger, Report, Verdict};
use service_runtime::{CancellationToken, Tasks};

use crate::demo::{ReportArgs, conclude};
use crate::pipeline_files::FileArgs;
use crate::progress::Live;

/// How often a verdict is looked for while a pipeline is followed.
const LOOK: Duration = Duration::from_secs(1);
/// How long nothing new must come once every fish is stored: its last rows may still lead to a
/// trigger.
const QUIET: Duration = Duration::from_secs(5);
/// How long Kafka may take to answer for the first time.
const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// Event time from its measurement in which a fish of a running pipeline may be stored.
const ON_THE_WAY: Duration = Duration::from_secs(60);

/// Settings of `verify`.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct VerifyArgs {
    /// Where the pipeline's Kafka is.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// The model server
    #[arg(long, env = "MODEL_URL", default_value = "http://127.0.0.1:8000")]
    pub model_url: String,

    /// Where the training data is: sqlite:PATH, or
    /// mongodb://USER:PASSWORD@HOST/AUTHENTICATION-DATABASE
    #[arg(long, env = "MODEL_STORE", hide_env_values = true)]
    pub store: StoreAddress,

    /// Watch until there is a verdict: the first drift that ended, or with --fish that many fish;
    /// fish still on their way count as neither missing nor there
    #[arg(long)]
    pub follow: bool,

    /// How many fish there are to be [default: those that were measured when this starts; later
    /// ones are left out]
    #[arg(long, env = "FISH", value_name = "NUMBER")]
    pub fish: Option<u64>,

    /// How long to wait for what is missing, in seconds
    #[arg(long, env = "TIMEOUT", default_value_t = 300, value_name = "SECONDS")]
    pub timeout: u64,

    /// Where the report goes.
    #[command(flatten)]
    pub output: ReportArgs,

    /// The files that define the pipeline; the threshold and the window are read from the SQL.
    #[command(flatten)]
    pub files: FileArgs,
}

/// Reports on the pipeline; `Ok` where the verdict is not `failed`.
///
/// # Errors
/// A usage error for settings that cannot be used, [`Failed`](crate::demo::Failed) for the verdict
/// `failed`, any other error where topics, model API or store cannot be read.
pub async fn run(args: VerifyArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let began = Instant::now();
    args.output.prepare()?;
    let rule = args.files.sql.read()?.trigger_rule()?;
    let store = model_server::server::open_to_read(&args.store).await?;
    args.kafka.wait_for_broker(FIRST_ANSWER).await?;
    let mut tasks = Tasks::new(shutdown.child_token());
    let stop = tasks.shutdown();
    let observer = Observer::start(&args.kafka, Ledger::default(), Start::Beginning, &mut tasks)?;
    let model_api = ModelApi::new(args.model_url.clone())?;
    let watched = Watched {
        observer,
        model_api,
        stored: StoredRows::of(store),
        rule,
    };

    let mut live = Live::of(watched.observer.clone());
    let report = {
        let flow = verdict(&args, &watched, began);
        let failure = tasks.join();
        tokio::pin!(flow, failure);
        let report = tokio::select! {
            report = &mut flow => Some(report),
            () = live.show() => None,
            ended = &mut failure => { ended?; None }
        };
        let report = report.context("stopped before there was a verdict")?;
        stop.cancel();
        failure.await?;
        report?
    };
    live.done();
    conclude(&report, &args.output)
}

async fn verdict(args: &VerifyArgs, watched: &Watched, began: Instant) -> anyhow::Result<Report> {
    let subject = OnceLock::new();
    let whole = async {
        if args.follow && args.fish.is_none() {
            return Ok(followed(watched, began).await);
        }
        // What is on the topics when this starts is all there is to report on.
        watched.observer.caught_up().await;
        let subject = *subject.get_or_init(|| Subject::now(args.fish, watched));
        watched.settled(subject.awaited, QUIET).await;
        let outside = watched.outside().await;
        Ok(subject.report(watched, &outside, began, Vec::new()))
    };
    match tokio::time::timeout(Duration::from_secs(args.timeout), whole).await {
        Ok(report) => report,
        Err(_) => {
            let after = format!("after {} s", args.timeout);
            let subject = subject.into_inner();
            let subject = subject.unwrap_or_else(|| Subject::now(args.fish, watched));
            let (outside, mut faults) = watched.last_look(subject.awaited, &after).await;
            if args.follow && args.fish.is_none() {
                faults.push("no drift has ended yet".to_owned());
            }
            Ok(subject.report(watched, &outside, began, faults))
        }
    }
}

/// Which fish the report is about.
#[derive(Clone, Copy)]
struct Subject {
    awaited: Awaited,
    planned: Option<u64>,
    until: Option<EventTime>,
}

impl Subject {
    /// The planned fish, or those that were measured until now: others may keep coming.
    fn now(planned: Option<u64>, watched: &Watched) -> Self {
        let until = match planned {
            Some(_) => None,
            None => watched.observer.ledger().newest_measurement(),
        };
        Self {
            awaited: planned.map_or(Awaited::MeasuredUntil(until), Awaited::Planned),
            planned,
            until,
        }
    }

    fn report(
        self,
        watched: &Watched,
        outside: &Outside,
        began: Instant,
        faults: Vec<String>,
    ) -> Report {
        let ledger = watched.observer.ledger().clone();
        let ledger = match self.until {
            Some(until) => ledger.measured_until(until),
            None => ledger,
        };
        watched.report_of(&ledger, outside, self.planned, began.elapsed(), faults)
    }
}

/// The first report of a drift that ended; fish that are still on their way are left out.
async fn followed(watched: &Watched, began: Instant) -> Report {
    watched.observer.caught_up().await;
    loop {
        let outside = watched.outside().await;
        let ledger = watched
            .observer
            .ledger()
            .without_in_flight(outside.stored.as_ref(), ON_THE_WAY);
        let report = watched.report_of(&ledger, &outside, None, began.elapsed(), Vec::new());
        if report.verdict == Verdict::Recovered {
            return report;
        }
        tokio::time::sleep(LOOK).await;
    }
}
