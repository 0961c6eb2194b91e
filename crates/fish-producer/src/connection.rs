//! Waits for Kafka and reads the newest records of the topics.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kafka_io::KafkaSettings;
use pipeline::topics;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use service_runtime::{CancellationToken, Readiness, UsageError};

use crate::newest::{self, NewestConsumer, NewestError};
use crate::simulation::Past;

/// The pause between two attempts to reach Kafka.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// A consumer for the newest records of the topics.
pub(crate) struct Connection {
    consumer: Arc<NewestConsumer>,
    settings: KafkaSettings,
    readiness: Readiness,
}

impl Connection {
    /// # Errors
    /// If a property of `settings` is unknown or has an invalid value.
    pub(crate) fn new(settings: &KafkaSettings, readiness: Readiness) -> Result<Self, KafkaError> {
        Ok(Self {
            consumer: Arc::new(newest::consumer(settings)?),
            settings: settings.clone(),
            readiness,
        })
    }

    /// The state of the topics according to the newest `depth` records of each partition. Waits for
    /// Kafka; returns `None` after a shutdown.
    ///
    /// # Errors
    /// A [`UsageError`] if the two topics cannot be joined.
    pub(crate) async fn past(
        self,
        depth: u64,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<Option<Past>> {
        loop {
            let consumer = Arc::clone(&self.consumer);
            let read = tokio::task::spawn_blocking(move || {
                let past = newest::read(&consumer, depth);
                // Delivers the client's errors. It has no partitions, so this returns no record.
                consumer.poll(Duration::ZERO);
                past
            });
            let outcome = tokio::select! {
                () = shutdown.cancelled() => return Ok(None),
                outcome = read => outcome.context("reading the topics")?,
            };
            match outcome {
                Ok(past) => {
                    self.readiness.set_ready();
                    return Ok(Some(past));
                }
                Err(NewestError::Kafka(error)) => self.unreachable(&error),
                Err(error @ NewestError::Partitions { .. }) => {
                    return Err(UsageError(error.to_string()).into());
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(None),
                () = tokio::time::sleep(RETRY_INTERVAL) => {}
            }
        }
    }

    fn unreachable(&self, error: &KafkaError) {
        let both = format!(
            "topics `{}` and `{}`",
            topics::MACHINE_MEASUREMENT,
            topics::MACHINE_WEIGHT
        );
        let context = self.consumer.context();
        let reason = self.settings.no_answer(error, context, &both);
        if self.readiness.set_not_ready(&reason) {
            tracing::warn!("{reason}; retrying");
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("bootstrap_servers", &self.settings.bootstrap_servers)
            .finish_non_exhaustive()
    }
}
