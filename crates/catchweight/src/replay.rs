//! `replay`: sends dead letters back to the topics they came from.

use kafka_io::KafkaSettings;
use kafka_io::dead_letter::replay::{ReplayArgs, replay};
use service_runtime::{CancellationToken, UsageError};

use crate::progress;

/// Settings of `replay`.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct ReplayCommand {
    /// Where Kafka is.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// Which dead letters.
    #[command(flatten)]
    pub selection: ReplayArgs,
}

/// Sends the dead letters back and prints how many.
///
/// # Errors
/// A [`UsageError`] if there are no such dead letters; any other error if a topic cannot be read or
/// written. The next replay does not repeat those already sent.
pub async fn run(args: ReplayCommand, shutdown: CancellationToken) -> anyhow::Result<()> {
    tokio::select! {
        replayed = replay(&args.kafka, &args.selection) => match replayed {
            Ok(replayed) => progress::say(&replayed.to_string()),
            Err(error) if error.is_usage_error() => anyhow::bail!(UsageError(error.to_string())),
            Err(error) => return Err(error.into()),
        },
        () = shutdown.cancelled() => anyhow::bail!("interrupted; run the replay again to send the rest"),
    }
    Ok(())
}
