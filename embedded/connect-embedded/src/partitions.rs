//! Reading every partition of some topics from its beginning, without a consumer group.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures::FutureExt;
use kafka_io::is_transient;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Offset, TopicPartitionList};

const METADATA_TIMEOUT: Duration = Duration::from_secs(30);

/// Assigns all partitions of `topics` to `consumer` and returns their number.
pub(crate) async fn assign_all(
    consumer: &Arc<StreamConsumer>,
    topics: &[String],
) -> anyhow::Result<usize> {
    let mut list = TopicPartitionList::new();
    for topic in topics {
        for partition in partitions(consumer, topic).await? {
            list.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
    }
    consumer.assign(&list)?;
    Ok(list.count())
}

async fn partitions(consumer: &Arc<StreamConsumer>, topic: &str) -> anyhow::Result<Vec<i32>> {
    let (consumer, name) = (Arc::clone(consumer), topic.to_owned());
    // librdkafka blocks the calling thread.
    let metadata =
        tokio::task::spawn_blocking(move || consumer.fetch_metadata(Some(&name), METADATA_TIMEOUT))
            .await?
            .with_context(|| format!("the partitions of topic `{topic}` cannot be listed"))?;
    let partitions: Vec<i32> = metadata
        .topics()
        .iter()
        .filter(|t| t.name() == topic && t.error().is_none())
        .flat_map(|t| t.partitions().iter().map(|p| p.id()))
        .collect();
    if partitions.is_empty() {
        bail!("topic `{topic}` does not exist: create it first");
    }
    Ok(partitions)
}

/// At least one record, and those that can be read without waiting, up to `limit`.
///
/// # Errors
/// See [`next`].
pub(crate) async fn next_batch(
    consumer: &StreamConsumer,
    limit: usize,
) -> anyhow::Result<Vec<BorrowedMessage<'_>>> {
    let mut records = vec![next(consumer).await?];
    while records.len() < limit {
        match consumer.recv().now_or_never() {
            Some(Ok(record)) => records.push(record),
            Some(Err(error)) => {
                check(error)?;
                break;
            }
            None => break,
        }
    }
    Ok(records)
}

/// The next record. Waits while the broker is unreachable.
///
/// # Errors
/// Records were deleted before they were read, or any error that a retry cannot fix.
async fn next(consumer: &StreamConsumer) -> anyhow::Result<BorrowedMessage<'_>> {
    loop {
        match consumer.recv().await {
            Ok(message) => return Ok(message),
            Err(error) => check(error)?,
        }
    }
}

/// Returns an error that a retry cannot fix, and logs others.
fn check(error: KafkaError) -> anyhow::Result<()> {
    match &error {
        KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset) => Err(error).context(
            "records were deleted before they were read: \
                 the producer is too far ahead of this connector",
        ),
        KafkaError::MessageConsumption(code) if is_transient(*code) => {
            tracing::warn!(%error, "waiting for Kafka");
            Ok(())
        }
        _ => Err(error).context("reading from Kafka failed"),
    }
}
