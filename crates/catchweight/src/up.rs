//! Everything in this process until it is stopped.

use std::path::PathBuf;

use anyhow::Context;
use fish_producer::{FishProducer, Simulation};
use report::Ledger;
use service_runtime::{CancellationToken, Tasks, UsageError};

use crate::embedded::{self, Embedded, PipelineArgs};
use crate::progress::{self, Live};

/// How many fish the live line's ledger remembers.
const REMEMBERED: usize = 1_000;

/// Settings of `up`.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct UpArgs {
    /// The fish. Without --speed above 1 and without --input the plan begins again whenever it ends.
    #[command(flatten)]
    pub fish: fish_producer::Config,

    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArgs,

    /// Where training data and models are kept; they are there again at the next start
    #[arg(long, value_name = "DIR", default_value = "catchweight-data")]
    pub data_dir: PathBuf,
}

/// Runs the pipeline until `shutdown`.
///
/// # Errors
/// A usage error for settings that cannot be used; any other error where a part fails.
pub async fn run(args: UpArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut fish = args.fish.clone();
    fish.repeat |= fish.input.is_none() && fish.speed.is_none_or(|speed| speed <= 1.0);

    // A wrong plan or file is told before anything starts.
    Simulation::new(&fish).map_err(|error| UsageError(error.to_string()))?;
    let rule = args.pipeline.files.sql.read()?.trigger_rule()?;
    let checked = rule.check_delay(fish.weigh_delay);
    checked.map_err(|error| UsageError(format!("--weigh-delay: {error}")))?;
    let mut tasks = Tasks::new(shutdown.child_token());
    let stop = tasks.shutdown();
    let ledger = Ledger::bounded(REMEMBERED);
    let embedded = Embedded::start(&args.pipeline, &args.data_dir, ledger, &mut tasks).await?;
    if let Err(error) = embedded.introduce().await {
        // Nothing answers any more where it is stopped at once.
        return if shutdown.is_cancelled() {
            tasks.join().await
        } else {
            Err(error)
        };
    }
    embedded.begin_after_stored(&mut fish).await?;
    progress::say(&format!(
        "store       {}",
        embedded::store_in(&args.data_dir)
    ));
    progress::say("waiting for the consumer group's first assignment; Ctrl-C ends");
    let (observer, kafka, ready) = (
        embedded.watched().observer.clone(),
        embedded.kafka().clone(),
        embedded.readiness(),
    );
    tasks.spawn("fish-producer", async move {
        tokio::select! {
            () = ready.ready() => {}
            () = stop.cancelled() => return Ok(()),
        }
        let producer = FishProducer::bind(&fish, &kafka)?;
        progress::say_seed(producer.simulation());
        let mut live = Live::of(observer);
        tokio::select! {
            ended = producer.run(stop.clone()) => ended.context("the machines stopped")?,
            () = live.show() => {}
        }
        live.done();
        if stop.is_cancelled() {
            return Ok(());
        }
        progress::say("the plan has ended; everything else keeps running");
        Ok(())
    });
    tasks.join().await
}
