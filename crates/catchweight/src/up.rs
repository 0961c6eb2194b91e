//! `up`: the whole pipeline in this process until it is stopped.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use fish_producer::FishProducer;
use pipeline::Definition;
use report::Ledger;
use service_runtime::{CancellationToken, Tasks, UsageError};

use crate::embedded::{self, Embedded, PipelineArgs};
use crate::progress::{self, Live};
use crate::throttle::{self, Throttle};

/// Maximum number of fish in the ledger: more than the producer may be ahead of the slowest stage.
const KEPT_FISH: usize = 2 * throttle::AHEAD as usize;

/// Settings of `up`.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct UpArgs {
    /// The fish. Without --speed above 1 and without --input the plan repeats forever.
    #[command(flatten)]
    pub fish: fish_producer::Config,

    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArgs,

    /// Folder for training data and models; the next start uses them again
    #[arg(long, value_name = "DIR", default_value = "catchweight-data")]
    pub data_dir: PathBuf,
}

/// Runs the pipeline until `shutdown`.
///
/// # Errors
/// A [`UsageError`] for an invalid setting; any other error if a part fails.
pub async fn run(args: UpArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut fish = args.fish.clone();
    fish.repeat |= fish.input.is_none() && fish.speed.is_none_or(|speed| speed <= 1.0);
    let folder = args.pipeline.folder.open()?;
    if folder.definition != Definition::shipped() {
        let text = "`up` runs only the shipped pipeline; run this folder's rows with `catchweight`";
        return Err(UsageError(text.to_owned()).into());
    }
    args.pipeline.check(&folder, &fish)?;

    let mut tasks = Tasks::new(shutdown.child_token());
    let stop = tasks.shutdown();
    let ledger = Ledger::bounded(folder.definition, KEPT_FISH);
    let pipeline = &args.pipeline;
    let embedded = Embedded::start(pipeline, &folder, &args.data_dir, ledger, &mut tasks).await?;
    if let Err(error) = embedded.print_addresses().await {
        // If it is stopped immediately, the parts may not answer.
        return if shutdown.is_cancelled() {
            tasks.join().await
        } else {
            Err(error)
        };
    }
    embedded.begin_after_stored(&mut fish).await?;
    let store = embedded::store_in(&args.data_dir);
    progress::say(&format!(
        "store       {store}\n\
         report      catchweight verify --bootstrap-servers {} --model-url {} --store '{store}'\n\
         waiting for the first partition assignment; press Ctrl-C to stop",
        embedded.kafka().bootstrap_servers,
        embedded.model_url(),
    ));
    let (view, kafka) = (embedded.view().clone(), embedded.kafka().clone());
    let readiness = embedded.readiness();
    tasks.spawn("fish-producer", async move {
        tokio::select! {
            () = readiness.ready() => {}
            () = stop.cancelled() => return Ok(()),
        }
        let producer = FishProducer::bind(&fish, &kafka)?;
        let simulation = producer.simulation();
        progress::say_seed(simulation);
        let mut live = Live::of(view.observer.clone(), simulation.count());
        let (throttle, limit) = Throttle::of_fish(&view, simulation);
        let producer = producer.limited_by(limit);
        tokio::select! {
            ended = producer.run(stop.clone()) => ended.context("the fish producer failed")?,
            never = live.show() => match never {},
            // The page shows a stage that makes no progress; it may go on later.
            Err(stalled) = throttle.run(Duration::MAX) => return Err(stalled.into()),
        }
        live.done();
        if !stop.is_cancelled() {
            progress::say("the plan has ended; the pipeline keeps running");
        }
        Ok(())
    });
    tasks.join().await
}
