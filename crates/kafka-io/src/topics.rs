//! A pipeline starts when its topics exist.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::health::{Health, PipelineError};

/// Waits until all `topics` exist or `shutdown` is cancelled; health tells what is missing.
pub(crate) fn wait_for<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topics: &[String],
    health: &watch::Sender<Health>,
    shutdown: &CancellationToken,
) -> Result<(), PipelineError> {
    for topic in topics {
        while !shutdown.is_cancelled() {
            let missing = match consumer.fetch_metadata(Some(topic), Duration::from_secs(1)) {
                Ok(metadata) => metadata
                    .topics()
                    .iter()
                    .all(|found| found.partitions().is_empty())
                    .then(|| {
                        format!("topic `{topic}` does not exist: waiting until it is created")
                    }),
                Err(error) => Some(format!("Kafka does not answer: {error}; waiting")),
            };
            let Some(missing) = missing else { break };
            let news = health.send_if_modified(|current| {
                let news = current.as_ref().err() != Some(&missing);
                *current = Err(missing.clone());
                news
            });
            if news {
                tracing::warn!("{missing}");
            }
            // Serves the client's own events; there is no subscription yet, so no record comes.
            consumer.poll(Duration::from_millis(250));
        }
    }
    Ok(())
}
