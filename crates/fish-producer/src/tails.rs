//! The newest records of the two machines' topics, read before the first is written.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use kafka_io::{KafkaSettings, ToldOfEnds};
use pipeline::{FromWire, Measurement, Weighing, topics};
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::simulation::Past;

/// Why the topics could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TailError {
    /// Kafka does not answer, or not yet as it should; worth another try.
    #[error("Kafka does not answer")]
    Kafka(#[from] KafkaError),
    /// The two topics cannot be joined.
    #[error(
        "{} has {measurement} partitions and {} has {weight}: create both with the same number, or the join misses fish",
        topics::MACHINE_MEASUREMENT,
        topics::MACHINE_WEIGHT
    )]
    Partitions { measurement: usize, weight: usize },
}

const ANSWER: Duration = Duration::from_secs(3);

/// What [`read`] reads with.
pub(crate) type TailConsumer = BaseConsumer<ToldOfEnds>;

/// A consumer for [`read`].
///
/// # Errors
/// Where a property of `settings` is unknown or has a wrong value.
pub(crate) fn consumer(settings: &KafkaSettings) -> Result<TailConsumer, KafkaError> {
    // Retention may delete a record between the look at the offsets and the fetch.
    settings.consumer_told_of_ends("fish-producer", &[("auto.offset.reset", "earliest")])
}

/// What the newest `depth` records of each partition of both topics tell. Blocks for seconds where
/// Kafka does not answer. A topic that does not exist holds nothing.
///
/// # Errors
/// Where Kafka does not answer, or the topics differ in their number of partitions.
pub(crate) fn read(consumer: &TailConsumer, depth: u64) -> Result<Past, TailError> {
    let depth = i64::try_from(depth).unwrap_or(i64::MAX);
    let measurement = partitions(consumer, topics::MACHINE_MEASUREMENT)?;
    let weight = partitions(consumer, topics::MACHINE_WEIGHT)?;
    if measurement > 0 && weight > 0 && measurement != weight {
        return Err(TailError::Partitions {
            measurement,
            weight,
        });
    }
    let measured =
        newest::<Measurement>(consumer, topics::MACHINE_MEASUREMENT, measurement, depth)?;
    let weighed = newest::<Weighing>(consumer, topics::MACHINE_WEIGHT, weight, depth)?;
    Ok(Past::from_newest(measured, &weighed))
}

fn partitions(consumer: &TailConsumer, topic: &str) -> Result<usize, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let Some(found) = metadata.topics().first() else {
        return Ok(0);
    };
    match found.error().map(RDKafkaErrorCode::from) {
        None => Ok(found.partitions().len()),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            tracing::warn!(
                topic,
                "there is no such topic yet; create it, unless Kafka does so by itself"
            );
            Ok(0)
        }
        Some(code) => Err(KafkaError::MetadataFetch(code)),
    }
}

fn newest<T: FromWire>(
    consumer: &TailConsumer,
    topic: &str,
    partitions: usize,
    depth: i64,
) -> Result<Vec<T>, KafkaError> {
    let mut from = TopicPartitionList::new();
    for partition in (0..).take(partitions) {
        let (low, high) = consumer.fetch_watermarks(topic, partition, ANSWER)?;
        if high > low {
            let first = high.saturating_sub(depth).max(low);
            from.add_partition_offset(topic, partition, Offset::Offset(first))?;
        }
    }
    if from.count() == 0 {
        return Ok(Vec::new());
    }
    consumer.assign(&from)?;
    let records = until_the_ends(consumer, topic, from.count());
    consumer.unassign()?;
    records
}

fn until_the_ends<T: FromWire>(
    consumer: &TailConsumer,
    topic: &str,
    partitions: usize,
) -> Result<Vec<T>, KafkaError> {
    let mut records = Vec::new();
    let mut at_the_end = HashSet::new();
    let mut deadline = Instant::now() + 3 * ANSWER;
    while at_the_end.len() < partitions {
        let left = deadline.saturating_duration_since(Instant::now());
        match consumer.poll(left) {
            Some(Ok(message)) => {
                deadline = Instant::now() + 3 * ANSWER;
                match message.payload().map(T::from_wire) {
                    Some(Ok(record)) => records.push(record),
                    Some(Err(error)) => tracing::warn!(
                        topic, partition = message.partition(), offset = message.offset(), %error,
                        "a record that is not a machine's was left aside"
                    ),
                    None => {}
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                at_the_end.insert(partition);
            }
            // librdkafka itself tries again; its word is kept in case the time runs out.
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
