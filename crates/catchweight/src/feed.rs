//! `feed`: sends the rows of a CSV file to the first two topics of a pipeline.

use feed::Feeder;
use service_runtime::CancellationToken;

pub use feed::FeedArgs;

use crate::progress;

/// Sends the rows until their end or until `shutdown`.
///
/// # Errors
/// A usage error if the pipeline, the file or a Kafka property cannot be used; any other error if a record is
/// not acknowledged.
pub async fn run(args: FeedArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let folder = args.folder.open()?;
    let feeder = Feeder::bind(&folder, args.file.as_deref(), args.pace, &args.kafka)?;
    let schedule = feeder.schedule();
    let definition = folder.definition;
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
    feeder.run(shutdown).await?;
    progress::say(&format!(
        "sent {} and {} actual values",
        definition.counted(sent.measured()),
        sent.actual()
    ));
    Ok(())
}
