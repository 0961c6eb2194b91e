//! Where an observer reads a topic: its partitions' offsets and ends.

use std::sync::Arc;

use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::observer::{QUERY_PAUSE, QUERY_TIMEOUT, Reader, Start};

/// The end that a partition had when it was assigned; 0 if it is read from the beginning.
pub(crate) fn end_of(ends: &[i64], partition: i32) -> i64 {
    let end = usize::try_from(partition).ok().and_then(|at| ends.get(at));
    end.copied().unwrap_or_default()
}

/// The place of one partition among those of all.
pub(crate) fn partition_of<T>(all: &mut [T], partition: i32) -> Option<&mut T> {
    usize::try_from(partition)
        .ok()
        .and_then(|at| all.get_mut(at))
}

/// Assigns the partitions of the topic to the consumer, each from its offset.
pub(crate) fn assign(consumer: &Reader, topic: &str, offsets: &[Offset]) -> anyhow::Result<()> {
    let mut assignment = TopicPartitionList::new();
    for (partition, offset) in (0..).zip(offsets) {
        assignment.add_partition_offset(topic, partition, *offset)?;
    }
    Ok(consumer.assign(&assignment)?)
}

/// Where to start reading each partition and, with [`Start::Newest`], its end.
pub(crate) async fn start_of(
    consumer: &Arc<Reader>,
    topic: &str,
    partitions: i32,
    from: Start,
) -> anyhow::Result<(Vec<Offset>, Vec<i64>)> {
    let (mut offsets, mut ends) = (Vec::new(), Vec::new());
    for partition in 0..partitions {
        offsets.push(match from {
            Start::Beginning => Offset::Beginning,
            Start::Newest(records) => {
                let (low, high) = watermarks(consumer, topic, partition).await?;
                ends.push(high);
                Offset::Offset(low.max(high - i64::from(records) / i64::from(partitions)))
            }
        });
    }
    Ok((offsets, ends))
}

/// The low and high watermark of a partition.
async fn watermarks(
    consumer: &Arc<Reader>,
    topic: &str,
    partition: i32,
) -> anyhow::Result<(i64, i64)> {
    loop {
        let (client, name) = (consumer.clone(), topic.to_owned());
        let query = move || client.fetch_watermarks(&name, partition, QUERY_TIMEOUT);
        match tokio::task::spawn_blocking(query).await? {
            Ok(found) => return Ok(found),
            Err(error) => tracing::warn!(topic, %error, "Kafka does not answer; retrying"),
        }
        tokio::time::sleep(QUERY_PAUSE).await;
    }
}
