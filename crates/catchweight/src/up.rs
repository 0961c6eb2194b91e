//! `up`: the whole pipeline in this process until it is stopped.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use fish_producer::{FishProducer, MAX_SPEED};
use observer::PipelineView;
use pipeline::{Definition, EventTime};
use report::Ledger;
use service_runtime::{CancellationToken, Tasks, UsageError};

use crate::embedded::{self, Embedded, PipelineArgs};
use crate::producer;
use crate::progress::{self, Live};
use crate::throttle::{self, Throttle};

/// Maximum number of records in the ledger: more than the producer may be ahead of the slowest stage.
const KEPT_RECORDS: usize = 2 * throttle::AHEAD as usize;

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
    let folder = args.pipeline.folder.open()?;
    let is_fish = folder.definition == Definition::shipped();
    if is_fish {
        fish.repeat |= fish.input.is_none() && fish.speed.is_none_or(|speed| speed <= 1.0);
        args.pipeline.check(&folder, &fish)?;
    } else {
        producer::check_rows(&folder, &args.pipeline, &fish)?;
        if fish.input.is_some() || fish.speed.is_some() || fish.start_time.is_some() || fish.repeat
        {
            let text = "`up` sends no rows of this pipeline, so it has no --input, --speed, --start-time and \
                --repeat; send rows with `catchweight feed`";
            return Err(UsageError(text.to_owned()).into());
        }
    }

    let mut tasks = Tasks::new(shutdown.child_token());
    let stop = tasks.shutdown();
    let ledger = Ledger::bounded(folder.definition, KEPT_RECORDS);
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
    if is_fish {
        if fish.speed == Some(MAX_SPEED) {
            embedded.at_full_speed();
        }
        embedded.begin_after_stored(&mut fish).await?;
    }
    let store = embedded::store_in(&args.data_dir);
    let pipeline = match folder.dir() {
        Some(dir) if !is_fish => format!(" --pipeline '{}'", dir.display()),
        _ => String::new(),
    };
    let kafka = embedded.kafka().clone();
    let broker = &kafka.bootstrap_servers;
    progress::say(&format!(
        "store       {store}\n\
         report      catchweight verify{pipeline} --bootstrap-servers {broker} --model-url {} --store '{store}'",
        embedded.model_url(),
    ));
    if !is_fish {
        let [key, measured] = [&folder.definition.key, &folder.definition.topics.measured];
        progress::say(&format!(
            "rows        write them to the topic {measured}, with the key {key}, or send those of a file:\n            \
             catchweight feed{pipeline} --bootstrap-servers {broker} --speed 20"
        ));
    }
    progress::say("waiting for the first partition assignment; press Ctrl-C to stop");
    let view = embedded.view().clone();
    let readiness = embedded.readiness();
    tasks.spawn("producer", async move {
        tokio::select! {
            () = readiness.ready() => {}
            () = stop.cancelled() => return Ok(()),
        }
        if !is_fish {
            return watch(&view, &stop).await;
        }
        let producer = FishProducer::bind(&fish, &kafka)?;
        let simulation = producer.simulation();
        progress::say_seed(simulation);
        let mut live = Live::of(view.observer.clone(), simulation.count());
        let ahead = producer::fish_ahead(simulation);
        let (throttle, limit) = Throttle::new(&view, simulation.start(), ahead);
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

/// Shows the progress of records that others send.
async fn watch(view: &PipelineView, stop: &CancellationToken) -> anyhow::Result<()> {
    progress::say("ready for rows");
    let mut live = Live::of(view.observer.clone(), None);
    // No one reads its limit; it reads the store.
    let (throttle, _limit) = Throttle::new(view, EventTime::now(), None);
    tokio::select! {
        () = stop.cancelled() => {}
        never = live.show() => match never {},
        Err(stalled) = throttle.run(Duration::MAX) => return Err(stalled.into()),
    }
    live.done();
    Ok(())
}
