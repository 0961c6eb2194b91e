//! Reads a topic up to its current end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Offset, TopicPartitionList};

use super::{EofContext, KafkaSettings, is_transient, partition_count};

const METADATA_TIMEOUT: Duration = Duration::from_secs(30);
/// Reading fails if nothing arrives for this long before the end of the topic.
const SILENCE: Duration = Duration::from_secs(60);

/// Why a topic cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The topic does not exist.
    #[error("topic `{0}` does not exist")]
    NoTopic(String),
    /// Kafka does not allow it.
    #[error("{0}")]
    NotAllowed(String),
    /// Kafka rejected a request or did not answer.
    #[error("Kafka: {0}")]
    Kafka(KafkaError),
    /// Kafka stopped answering before the end of the topic.
    #[error("no answer from Kafka for {} s; try again when Kafka is back", .0.as_secs())]
    Silent(Duration),
}

/// Calls `each` with every record of `topic` up to its current end; returns the partitions. Blocks. `client` is
/// the name that Kafka sees.
///
/// # Errors
/// See [`ScanError`]; and the first error of `each`.
pub fn scan<E: From<ScanError>>(
    kafka: &KafkaSettings,
    client: &str,
    topic: &str,
    mut each: impl FnMut(&BorrowedMessage<'_>) -> Result<(), E>,
) -> Result<BTreeSet<i32>, E> {
    let failed = |error: KafkaError| {
        let code = error.rdkafka_error_code();
        let refusal =
            code.and_then(|code| kafka.refusal(code, "Read", &format!("topic `{topic}`")));
        refusal.map_or(ScanError::Kafka(error), ScanError::NotAllowed)
    };
    let (consumer, partitions) = assigned(kafka, client, topic).map_err(failed)?;
    if partitions.is_empty() {
        return Err(ScanError::NoTopic(topic.to_owned()).into());
    }
    let (mut unfinished, mut last_news) = (partitions.clone(), Instant::now());
    while !unfinished.is_empty() {
        match consumer.poll(Duration::from_millis(500)) {
            Some(Err(KafkaError::MessageConsumption(code))) if is_transient(code) => {
                tracing::warn!(topic, error = %code, "waiting for Kafka");
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unfinished.remove(&partition);
                last_news = Instant::now();
            }
            Some(Ok(message)) => {
                each(&message)?;
                last_news = Instant::now();
            }
            // It joins no group.
            Some(Err(error))
                if error.rdkafka_error_code()
                    == Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {}
            Some(Err(error)) => return Err(failed(error).into()),
            None => {}
        }
        if last_news.elapsed() > SILENCE {
            return Err(ScanError::Silent(SILENCE).into());
        }
    }
    Ok(partitions)
}

/// A consumer at the beginning of all partitions; there are none if the topic does not exist.
fn assigned(
    kafka: &KafkaSettings,
    client: &str,
    topic: &str,
) -> Result<(BaseConsumer<EofContext>, BTreeSet<i32>), KafkaError> {
    let consumer: BaseConsumer<EofContext> = kafka.eof_consumer(client, &[])?;
    let partitions: BTreeSet<i32> =
        (0..partition_count(&consumer, topic, METADATA_TIMEOUT)?).collect();
    let mut assignment = TopicPartitionList::new();
    for partition in &partitions {
        assignment.add_partition_offset(topic, *partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    Ok((consumer, partitions))
}
