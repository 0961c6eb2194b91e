//! The demo's report and verdict for any running pipeline, from outside.

use std::time::{Duration, Instant};

use anyhow::Context;
use kafka_io::KafkaSettings;
use model_server::StoreAddress;
use observer::{ModelApi, Observer, Start, TriggerRule, Watched};
use report::{Ledger, Report, Verdict};
use service_runtime::{CancellationToken, Tasks};

use crate::demo::{ReportArgs, conclude};
use crate::pipeline_files::FileArgs;
use crate::progress;

/// How often a verdict is looked for while a pipeline is followed.
const LOOK: Duration = Duration::from_secs(1);
/// How long nothing new must come for what is on the topics to be all there is, and how long that
/// is waited for: fish keep coming from an endless plan.
const QUIET: Duration = Duration::from_secs(5);
const CATCH_UP: Duration = Duration::from_secs(20);
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

    /// How many fish there are to be [default: those that were measured]
    #[arg(long, env = "FISH", value_name = "NUMBER")]
    pub fish: Option<u64>,

    /// How long to wait for the verdict, in seconds
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
    let rule = TriggerRule::of(&args.files.sql.text()?)?;
    let store = model_server::server::open(&args.store).await?;
    let mut tasks = Tasks::new(shutdown.child_token());
    let stop = tasks.shutdown();
    let observer = Observer::start(&args.kafka, Ledger::default(), Start::Beginning, &mut tasks)?;
    let model_api = ModelApi::new(args.model_url.clone())?;
    let watched = Watched {
        observer,
        model_api,
        store,
        rule,
    };

    let report = {
        let flow = verdict(&args, &watched, began);
        let failure = tasks.join();
        tokio::pin!(flow, failure);
        let report = tokio::select! {
            report = &mut flow => Some(report),
            () = progress::show(&watched.observer) => None,
            ended = &mut failure => { ended?; None }
        };
        let report = report.context("stopped before there was a verdict")?;
        stop.cancel();
        failure.await?;
        report?
    };
    progress::done(&watched.observer);
    conclude(&report, &args.output)
}

async fn verdict(args: &VerifyArgs, watched: &Watched, began: Instant) -> anyhow::Result<Report> {
    let whole = async {
        if let Some(planned) = args.fish {
            watched.settled(Some(planned), QUIET).await?;
            let outside = watched.outside().await?;
            return Ok(watched.report(&outside, args.fish, began.elapsed(), Vec::new()));
        }
        let finished = tokio::time::timeout(CATCH_UP, quiet(watched)).await.is_ok();
        if finished && !args.follow {
            let outside = watched.outside().await?;
            return Ok(watched.report(&outside, None, began.elapsed(), Vec::new()));
        }
        loop {
            let report = running(watched, began).await?;
            if !args.follow || report.verdict == Verdict::Recovered {
                return Ok(report);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(args.timeout), whole).await {
        Ok(report) => report,
        Err(_) => {
            let after = format!("after {} s", args.timeout);
            let (outside, mut faults) = watched.last_look(args.fish, &after).await;
            if args.follow && args.fish.is_none() {
                faults.push("no drift has ended yet".to_owned());
            }
            Ok(watched.report(&outside, args.fish, began.elapsed(), faults))
        }
    }
}

/// Waits until the topics bring nothing new.
async fn quiet(watched: &Watched) {
    let mut changes = watched.observer.changes();
    while let Ok(Ok(())) = tokio::time::timeout(QUIET, changes.changed()).await {}
}

/// The report of a pipeline that runs: fish that are still on their way are left out.
async fn running(watched: &Watched, began: Instant) -> anyhow::Result<Report> {
    let outside = watched.outside().await?;
    let ledger = watched
        .observer
        .ledger()
        .without_those_on_their_way(&outside.stored, ON_THE_WAY);
    Ok(watched.report_of(&ledger, &outside, None, began.elapsed(), Vec::new()))
}
