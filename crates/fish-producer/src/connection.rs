//! Waiting for Kafka, and the first look at what the topics hold.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kafka_io::KafkaSettings;
use rdkafka::error::KafkaError;
use service_runtime::{CancellationToken, Readiness, UsageError};

use crate::simulation::Past;
use crate::tails::{self, TailConsumer, TailError};

/// Between two attempts to reach Kafka.
const NEXT_ATTEMPT: Duration = Duration::from_secs(1);

/// The way to the topics' newest records.
pub(crate) struct Connection {
    consumer: Arc<TailConsumer>,
    bootstrap_servers: String,
    readiness: Readiness,
}

impl Connection {
    /// # Errors
    /// Where a property of `settings` is unknown or has a wrong value.
    pub(crate) fn new(settings: &KafkaSettings, readiness: Readiness) -> Result<Self, KafkaError> {
        Ok(Self {
            consumer: Arc::new(tails::consumer(settings)?),
            bootstrap_servers: settings.bootstrap_servers.clone(),
            readiness,
        })
    }

    /// What the newest `depth` records of each partition tell, as soon as Kafka answers; `None`
    /// after a shutdown.
    ///
    /// # Errors
    /// A [`UsageError`] where the two topics cannot be joined.
    pub(crate) async fn past(
        self,
        depth: u64,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<Option<Past>> {
        loop {
            let consumer = Arc::clone(&self.consumer);
            let read = tokio::task::spawn_blocking(move || tails::read(&consumer, depth));
            let outcome = tokio::select! {
                () = shutdown.cancelled() => return Ok(None),
                outcome = read => outcome.context("reading the topics")?,
            };
            match outcome {
                Ok(past) => {
                    self.readiness.set_ready();
                    return Ok(Some(past));
                }
                Err(TailError::Kafka(error)) => self.not_yet(&error),
                Err(error @ TailError::Partitions { .. }) => {
                    return Err(UsageError(error.to_string()).into());
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(None),
                () = tokio::time::sleep(NEXT_ATTEMPT) => {}
            }
        }
    }

    fn not_yet(&self, error: &KafkaError) {
        let reason = format!(
            "Kafka at {} does not answer: {error}",
            self.bootstrap_servers
        );
        if self.readiness.set_not_ready(&reason) {
            tracing::warn!("{reason}; trying again (is --bootstrap-servers right?)");
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .finish_non_exhaustive()
    }
}
