//! Consumers that are told where a partition ends, and which of their errors pass by themselves.

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::KafkaSettings;

/// What a consumer of [`KafkaSettings::consumer_told_of_ends`] does with what librdkafka reports
/// besides records: it is logged, except the end of a partition, which librdkafka reports as an error
/// too.
#[derive(Clone, Copy, Debug)]
pub struct ToldOfEnds;

impl ClientContext for ToldOfEnds {
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            tracing::warn!(%error, reason, "Kafka's client reports a problem; it tries again");
        }
    }
}

impl ConsumerContext for ToldOfEnds {}

impl KafkaSettings {
    /// A consumer that assigns its partitions itself, commits nothing, and gets
    /// [`KafkaError::PartitionEOF`] at the present end of each partition. `more` are further properties
    /// of librdkafka.
    ///
    /// # Errors
    /// Where a property is unknown or has a wrong value.
    pub fn consumer_told_of_ends<C>(
        &self,
        client_id: &str,
        more: &[(&str, &str)],
    ) -> Result<C, KafkaError>
    where
        C: FromClientConfigAndContext<ToldOfEnds>,
    {
        let mut config: ClientConfig = self.assigning_consumer(client_id);
        config.set("enable.partition.eof", "true");
        for (key, value) in more {
            config.set(*key, *value);
        }
        config.create_with_context(ToldOfEnds)
    }
}

/// Whether a consumer's error is one of a connection that librdkafka makes again by itself.
pub fn passes(code: RDKafkaErrorCode) -> bool {
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
