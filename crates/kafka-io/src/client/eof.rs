//! Consumers that report the end of a partition.

use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{KafkaSettings, RefusedConnection, log};

/// The context of [`KafkaSettings::eof_consumer`]: logs the client's errors, except the end of a
/// partition, which librdkafka reports as an error too.
#[derive(Debug)]
pub struct EofContext(RefusedConnection);

impl EofContext {
    /// Why Kafka refuses the connection: for example the certificate, the credentials or the protocol.
    pub fn refused_connection(&self) -> Option<String> {
        self.0.reason()
    }

    /// Kafka has answered, so what it refused before is over. Call it after each successful query.
    pub fn connected(&self) {
        self.0.clear();
    }
}

impl ClientContext for EofContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
        if let Some(refusal) = self.0.note_log(facility, message) {
            tracing::warn!("{refusal}");
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        match self.0.note_error(&error, reason) {
            Some(refusal) => tracing::warn!("{refusal}"),
            None if self.0.reason().is_some() => tracing::debug!(%error, reason, "consumer"),
            None => tracing::warn!(%error, reason, "Kafka client error; it retries"),
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
        config.create_with_context(EofContext(RefusedConnection::new(self.clone())))
    }
}

impl KafkaSettings {
    /// Why a query about `resource`, which must be readable, failed: what Kafka refuses, or else that it does
    /// not answer. The client must have been polled after the query.
    pub fn no_answer(&self, error: &KafkaError, client: &EofContext, resource: &str) -> String {
        let code = error.rdkafka_error_code();
        let refusal = code.and_then(|code| self.refusal(code, "Read", resource));
        let refusal = refusal.or_else(|| client.refused_connection());
        refusal.unwrap_or_else(|| {
            let address = &self.bootstrap_servers;
            format!("Kafka at {address} does not answer: {error}; check --bootstrap-servers")
        })
    }
}

/// The number of partitions of a topic; 0 if it does not exist.
///
/// # Errors
/// Kafka does not answer within `limit`, or does not allow the request.
pub fn partition_count(
    consumer: &impl Consumer<EofContext>,
    topic: &str,
    limit: Duration,
) -> Result<i32, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(topic), limit)?;
    consumer.client().context().connected();
    let Some(found) = metadata.topics().first() else {
        return Ok(0);
    };
    match found.error().map(RDKafkaErrorCode::from) {
        None => Ok(i32::try_from(found.partitions().len()).unwrap_or(i32::MAX)),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(0),
        Some(code) => Err(KafkaError::MetadataFetch(code)),
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

#[cfg(test)]
mod tests {
    use rdkafka::consumer::BaseConsumer;
    use test_support::{Broker, PATIENCE};

    use super::*;

    #[test]
    fn an_answer_ends_what_kafka_refused() {
        let broker = Broker::with_topics(2, ["t"]);
        let settings = KafkaSettings::plain(broker.bootstrap_servers());
        let consumer = settings.eof_consumer("kafka-io", &[]);
        let consumer: BaseConsumer<EofContext> = consumer.expect("a consumer");
        let context = consumer.client().context();
        let wrong = KafkaError::Global(RDKafkaErrorCode::Authentication);
        context.error(wrong, "SASL failed");
        assert!(context.refused_connection().is_some());
        let count = partition_count(&consumer, "t", PATIENCE);
        assert_eq!(count.expect("an answer"), 2);
        assert_eq!(context.refused_connection(), None);
    }
}
