//! Consumers that report the end of a partition.

use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::KafkaSettings;

/// The context of [`KafkaSettings::eof_consumer`]: logs the client's errors, except the end of a
/// partition, which librdkafka reports as an error too.
#[derive(Clone, Copy, Debug)]
pub struct EofContext;

impl ClientContext for EofContext {
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            tracing::warn!(%error, reason, "Kafka client error; it retries");
        }
    }
}

impl ConsumerContext for EofContext {}

impl KafkaSettings {
    /// A consumer that assigns its partitions itself, commits nothing, and returns
    /// [`KafkaError::PartitionEOF`] at the current end of each partition. `properties` are additional
    /// librdkafka properties.
    ///
    /// # Errors
    /// If a property is unknown or has an invalid value.
    pub fn eof_consumer<C>(
        &self,
        client_id: &str,
        properties: &[(&str, &str)],
    ) -> Result<C, KafkaError>
    where
        C: FromClientConfigAndContext<EofContext>,
    {
        let mut config = self.assigning_consumer(client_id);
        config.set("enable.partition.eof", "true");
        for (key, value) in properties {
            config.set(*key, *value);
        }
        config.create_with_context(EofContext)
    }
}

/// Whether librdkafka recovers from this consumer error by itself.
pub fn is_transient(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::LeaderNotAvailable
    )
}
