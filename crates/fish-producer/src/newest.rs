//! Reads the newest records of the two topics before the first record is written.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use kafka_io::{EofContext, KafkaSettings, partition_count};
use pipeline::{FromWire, Measurement, Weighing, topics};
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::simulation::Past;

/// Why the topics could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewestError {
    /// Kafka does not answer, or answers with an error; a retry may help.
    #[error("Kafka does not answer")]
    Kafka(#[from] KafkaError),
    /// The two topics cannot be joined.
    #[error(
        "{} has {measurement} partitions and {} has {weight}: expected the same number, since the join needs both records of a fish in the same partition",
        topics::MACHINE_MEASUREMENT,
        topics::MACHINE_WEIGHT
    )]
    Partitions { measurement: i32, weight: i32 },
}

const TIMEOUT: Duration = Duration::from_secs(3);

/// The consumer for [`read`].
pub(crate) type NewestConsumer = BaseConsumer<EofContext>;

/// Creates a consumer for [`read`].
///
/// # Errors
/// If a property of `settings` is unknown or has an invalid value.
pub(crate) fn consumer(settings: &KafkaSettings) -> Result<NewestConsumer, KafkaError> {
    // Retention may delete a record between reading the offsets and fetching.
    settings.eof_consumer("fish-producer", &[("auto.offset.reset", "earliest")])
}

/// The state of both topics according to the newest `depth` records of each partition. A topic that
/// does not exist counts as empty. Blocks for seconds if Kafka does not answer.
///
/// # Errors
/// If Kafka does not answer, or the topics have different numbers of partitions.
pub(crate) fn read(consumer: &NewestConsumer, depth: u64) -> Result<Past, NewestError> {
    let depth = i64::try_from(depth).unwrap_or(i64::MAX);
    let measurement = partitions(consumer, topics::MACHINE_MEASUREMENT)?;
    let weight = partitions(consumer, topics::MACHINE_WEIGHT)?;
    if measurement > 0 && weight > 0 && measurement != weight {
        return Err(NewestError::Partitions {
            measurement,
            weight,
        });
    }
    let measured =
        newest::<Measurement>(consumer, topics::MACHINE_MEASUREMENT, measurement, depth)?;
    let weighed = newest::<Weighing>(consumer, topics::MACHINE_WEIGHT, weight, depth)?;
    Ok(Past::from_newest(measured, &weighed))
}

fn partitions(consumer: &NewestConsumer, topic: &str) -> Result<i32, KafkaError> {
    let count = partition_count(consumer, topic, TIMEOUT)?;
    if count == 0 {
        tracing::warn!(
            topic,
            "the topic does not exist yet; create it, unless Kafka creates topics automatically"
        );
    }
    Ok(count)
}

fn newest<T: FromWire>(
    consumer: &NewestConsumer,
    topic: &str,
    partitions: i32,
    depth: i64,
) -> Result<Vec<T>, KafkaError> {
    let mut from = TopicPartitionList::new();
    for partition in 0..partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition, TIMEOUT)?;
        if high > low {
            let first = high.saturating_sub(depth).max(low);
            from.add_partition_offset(topic, partition, Offset::Offset(first))?;
        }
    }
    if from.count() == 0 {
        return Ok(Vec::new());
    }
    consumer.assign(&from)?;
    let records = read_to_end(consumer, topic, from.count());
    consumer.unassign()?;
    records
}

fn read_to_end<T: FromWire>(
    consumer: &NewestConsumer,
    topic: &str,
    partitions: usize,
) -> Result<Vec<T>, KafkaError> {
    let mut records = Vec::new();
    let mut at_end = HashSet::new();
    let mut deadline = Instant::now() + 3 * TIMEOUT;
    while at_end.len() < partitions {
        let left = deadline.saturating_duration_since(Instant::now());
        match consumer.poll(left) {
            Some(Ok(message)) => {
                deadline = Instant::now() + 3 * TIMEOUT;
                match message.payload().map(T::from_wire) {
                    Some(Ok(record)) => records.push(record),
                    Some(Err(error)) => tracing::warn!(
                        topic, partition = message.partition(), offset = message.offset(), %error,
                        "ignoring an unreadable record"
                    ),
                    None => {}
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                at_end.insert(partition);
            }
            // librdkafka retries by itself; after the deadline its last error is returned.
            Some(Err(error)) if left.is_zero() => return Err(error),
            Some(Err(error)) => tracing::debug!(topic, %error, "reading the newest records"),
            None => {
                return Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::OperationTimedOut,
                ));
            }
        }
    }
    Ok(records)
}
