//! `feed`: sends the rows of a CSV file to the first two topics of a pipeline.

use feed::{FeedArgs, Feeder, Joined, Limit, Progress};
use fish_producer::simulation::Plan;
use fish_producer::{FishProducer, MAX_SPEED};
use kafka_io::KafkaSettings;
use pipeline::Definition;
use service_runtime::{CancellationToken, UsageError};
use tokio::sync::watch;

use crate::progress;

/// Settings of `feed`.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct FeedCommand {
    /// The rows.
    #[command(flatten)]
    pub rows: FeedArgs,

    /// Fish to simulate, as `fish-producer` does; only for the fish factory, which has no file of rows
    #[arg(long, env = "PLAN", default_value = Plan::DEFAULT)]
    pub plan: Plan,

    /// The same seed gives the same fish on every machine; default: random, logged
    #[arg(long, env = "SEED")]
    pub seed: Option<u64>,
}

/// Sends the rows until their end or until `shutdown`.
///
/// # Errors
/// A usage error if the pipeline, the file or a Kafka property cannot be used; any other error if a record is
/// not acknowledged.
pub async fn run(args: FeedCommand, shutdown: CancellationToken) -> anyhow::Result<()> {
    let folder = args.rows.folder.open()?;
    let definition = folder.definition;
    if definition == Definition::shipped() && args.rows.file.is_none() {
        return simulate(args, shutdown).await;
    }
    let FeedArgs {
        file,
        kafka,
        pace,
        max_unjoined,
        ..
    } = args.rows;
    let feeder = Feeder::bind(&folder, file.as_deref(), pace, &kafka)?;
    let schedule = feeder.schedule();
    let unusable = schedule.unusable();
    progress::say(&format!(
        "sending {} to {} and {}; {} rows cannot be used",
        definition.counted(schedule.count()),
        definition.topics.measured,
        definition.topics.actual,
        unusable.count()
    ));
    if unusable.count() > 0 {
        progress::say(&unusable.to_string());
    }
    let sent = feeder.progress();
    limited(max_unjoined, &kafka, definition, &sent, async |limit| {
        feeder.limited_by(limit).run(shutdown.clone()).await
    })
    .await?;
    said(definition, sent.measured(), sent.actual());
    Ok(())
}

/// Sends the simulated fish of a plan.
async fn simulate(args: FeedCommand, shutdown: CancellationToken) -> anyhow::Result<()> {
    let FeedArgs {
        kafka,
        pace,
        max_unjoined,
        ..
    } = args.rows;
    if pace.speed == MAX_SPEED {
        let text =
            "simulated fish need --speed with a number, such as --speed 10, or name a CSV file";
        return Err(UsageError(text.to_owned()).into());
    }
    let fish = fish_producer::Config {
        plan: args.plan,
        seed: args.seed,
        speed: Some(pace.speed),
        start_time: pace.start_time,
        ..fish_producer::Config::default()
    };
    let producer = FishProducer::bind(&fish, &kafka)?;
    progress::say_seed(producer.simulation());
    let sent = producer.progress();
    limited(
        max_unjoined,
        &kafka,
        Definition::shipped(),
        &sent,
        async |limit| producer.limited_by(limit).run(shutdown.clone()).await,
    )
    .await?;
    said(Definition::shipped(), sent.measured(), sent.actual());
    Ok(())
}

/// Sends with the limit of `--max-unjoined`.
async fn limited(
    max_unjoined: Option<u64>,
    kafka: &KafkaSettings,
    definition: &'static Definition,
    sent: &Progress,
    send: impl AsyncFnOnce(watch::Receiver<Limit>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(max_unjoined) = max_unjoined else {
        return send(watch::channel(Limit::NONE).1).await;
    };
    let topic = &definition.topics.rows;
    let (joined, limit) = Joined::new(kafka, topic, max_unjoined, sent.clone())?;
    tokio::select! {
        sent = send(limit) => sent,
        never = joined.run() => match never {},
    }
}

fn said(definition: &Definition, measured: u64, actual: u64) {
    let measured = definition.counted(measured);
    progress::say(&format!("sent {measured} and {actual} actual values"));
}
