//! Dead letters go back to where they came from.

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

    /// Which letters.
    #[command(flatten)]
    pub letters: ReplayArgs,
}

/// Sends the letters back and says how many.
///
/// # Errors
/// A [`UsageError`] where there are no such letters; any other error where a topic cannot be read or
/// written. Letters that were sent by then are not sent again.
pub async fn run(args: ReplayCommand, shutdown: CancellationToken) -> anyhow::Result<()> {
    tokio::select! {
        replayed = replay(&args.kafka, &args.letters) => match replayed {
            Ok(replayed) => progress::say(&replayed.to_string()),
            Err(error) if error.is_usage_error() => anyhow::bail!(UsageError(error.to_string())),
            Err(error) => return Err(error.into()),
        },
        () = shutdown.cancelled() => anyhow::bail!("interrupted; what was not sent can be sent by another replay"),
    }
    Ok(())
}
