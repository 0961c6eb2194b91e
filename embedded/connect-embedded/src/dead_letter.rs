//! Dead letters as a Connect worker writes them: the unchanged record with `__connect.errors.*`
//! headers.

use anyhow::{Context, anyhow};
use kafka_io::dead_letter::OMITTED;
use rdkafka::Message;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;

use crate::failure::{Failure, Stage};
use crate::tolerance::DeadLetterTopic;

const PREFIX: &str = "__connect.errors.";
/// The class that a worker reports if the sink failed.
const SINK_CLASS: &str = "org.apache.kafka.connect.sink.SinkTask";

/// Writes dead letters of one connector.
pub(crate) struct DeadLetters {
    producer: FutureProducer,
    topic: DeadLetterTopic,
    connector: String,
    converter_class: &'static str,
}

impl DeadLetters {
    pub(crate) fn new(
        producer: FutureProducer,
        topic: DeadLetterTopic,
        connector: String,
        converter_class: &'static str,
    ) -> Self {
        Self {
            producer,
            topic,
            connector,
            converter_class,
        }
    }

    /// Writes the record and waits for the broker's acknowledgement. If the record with these headers is
    /// too large, writes only the headers, with the number of omitted bytes.
    pub(crate) async fn write(
        &self,
        record: &BorrowedMessage<'_>,
        stage: Stage,
        failure: &Failure,
    ) -> anyhow::Result<()> {
        let context = match self.topic.context_headers {
            true => self.context(record, stage, failure).to_vec(),
            false => Vec::new(),
        };
        let add_context = |headers: OwnedHeaders| {
            context.iter().fold(headers, |headers, (name, text)| {
                insert(headers, &format!("{PREFIX}{name}"), text)
            })
        };
        let headers = record.headers().map(BorrowedHeaders::detach);
        let dead_letter = FutureRecord::<[u8], [u8]> {
            topic: &self.topic.topic,
            partition: None,
            payload: record.payload(),
            key: record.key(),
            timestamp: record.timestamp().to_millis(),
            headers: Some(add_context(headers.unwrap_or_default())),
        };
        let mut sent = self.producer.send(dead_letter, Timeout::Never).await;
        if let Err((KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge), _)) = sent
        {
            let bytes = record.payload_len() + record.key_len();
            let headers = add_context(OwnedHeaders::new());
            let dead_letter = FutureRecord::<[u8], [u8]> {
                topic: &self.topic.topic,
                partition: None,
                payload: None,
                key: None,
                timestamp: record.timestamp().to_millis(),
                headers: Some(insert(headers, OMITTED, &bytes.to_string())),
            };
            sent = self.producer.send(dead_letter, Timeout::Never).await;
        }
        sent.map_err(|(error, _)| anyhow!(error)).with_context(|| {
            format!(
                "a dead letter could not be written to `{}`",
                self.topic.topic
            )
        })?;
        Ok(())
    }

    fn context(
        &self,
        record: &BorrowedMessage<'_>,
        stage: Stage,
        failure: &Failure,
    ) -> [(&'static str, String); 10] {
        let class = match stage {
            Stage::ValueConverter => self.converter_class,
            Stage::TaskPut => SINK_CLASS,
        };
        [
            ("topic", record.topic().to_owned()),
            ("partition", record.partition().to_string()),
            ("offset", record.offset().to_string()),
            ("connector.name", self.connector.clone()),
            ("task.id", "0".to_owned()),
            ("stage", stage.name().to_owned()),
            ("class.name", class.to_owned()),
            ("exception.class.name", failure.exception.to_owned()),
            ("exception.message", failure.message.clone()),
            // There is no Java stack trace here; a worker's begins with this line.
            (
                "exception.stacktrace",
                format!("{}: {}", failure.exception, failure.message),
            ),
        ]
    }
}

/// Adds a header.
fn insert(headers: OwnedHeaders, name: &str, text: &str) -> OwnedHeaders {
    headers.insert(Header {
        key: name,
        value: Some(text),
    })
}
