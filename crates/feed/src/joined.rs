//! Keeps a feed close to the rows that the SQL has joined.
//!
//! If records are sent faster than in real time, a slow or cold SQL engine falls behind, and its tasks fall behind by
//! different amounts: its windows then close before all their rows have come. A feed that waits for the rows
//! takes longer on a slow machine, and has the same windows as on a fast one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kafka_io::{EofContext, KafkaSettings, is_transient};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};
use service_runtime::UsageError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::feeder::{METADATA_TIMEOUT, RETRY_INTERVAL, partitions};
use crate::limit::Limit;
use crate::progress::Progress;

/// How long to wait for the topic, which the SQL creates.
const TOPIC_PATIENCE: Duration = Duration::from_secs(120);
/// If no row comes for this long, those that are missing are not expected any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Counts joined rows, and limits the actual values that have none.
pub struct Joined {
    kafka: KafkaSettings,
    consumer: Arc<StreamConsumer<EofContext>>,
    topic: &'static str,
    sent: Progress,
    account: Account,
    limit: watch::Sender<Limit>,
}

impl std::fmt::Debug for Joined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Joined")
            .field("topic", &self.topic)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Joined {
    /// Counts the rows that come to `topic` from now on. At most `max_unjoined` of the actual values that were
    /// `sent` may be without a row; the feed must keep the returned limit.
    ///
    /// # Errors
    /// A Kafka property is invalid (a [`UsageError`]), or there is no such topic within two minutes.
    pub async fn start(
        kafka: &KafkaSettings,
        topic: &'static str,
        max_unjoined: u64,
        sent: Progress,
    ) -> anyhow::Result<(Self, watch::Receiver<Limit>)> {
        let property = |error: KafkaError| UsageError(format!("invalid Kafka properties: {error}"));
        let consumer: StreamConsumer<EofContext> =
            kafka.eof_consumer("feed", &[]).map_err(property)?;
        let consumer = Arc::new(consumer);
        let ends = Self::ends(kafka, &consumer, topic).await?;
        consumer
            .assign(&ends)
            .with_context(|| format!("cannot read the topic {topic}"))?;
        let account = Account::new(max_unjoined);
        let (limit, limited) = watch::channel(account.limit());
        let joined = Self {
            kafka: kafka.clone(),
            consumer,
            topic,
            sent,
            account,
            limit,
        };
        Ok((joined, limited))
    }

    /// The end of each partition. Waits until the topic exists.
    async fn ends(
        kafka: &KafkaSettings,
        consumer: &Arc<StreamConsumer<EofContext>>,
        topic: &'static str,
    ) -> anyhow::Result<TopicPartitionList> {
        let began = Instant::now();
        let mut said = false;
        loop {
            let consumer = Arc::clone(consumer);
            let read = tokio::task::spawn_blocking(move || ends(&consumer, topic));
            let reason = match read.await.context("reading the topics")? {
                Ok(ends) if ends.count() > 0 => return Ok(ends),
                Ok(_) => format!("the topic {topic} does not exist; the pipeline's SQL creates it"),
                Err(error) => explain(kafka, &error, topic),
            };
            if began.elapsed() >= TOPIC_PATIENCE {
                return Err(UsageError(format!("--max-unjoined: {reason}")).into());
            }
            if !std::mem::replace(&mut said, true) {
                tracing::warn!("{reason}; waiting");
            }
            sleep(RETRY_INTERVAL).await;
        }
    }

    /// Moves the limit until the future is dropped.
    ///
    /// # Errors
    /// The topic cannot be read any more.
    pub async fn run(mut self) -> anyhow::Result<Infallible> {
        loop {
            match timeout(PATIENCE, self.consumer.recv()).await {
                Ok(Ok(row)) if row.payload().is_some() => self.account.joined += 1,
                Ok(Ok(_) | Err(KafkaError::PartitionEOF(_))) => continue,
                Ok(Err(KafkaError::MessageConsumption(code))) if is_transient(code) => {
                    tracing::warn!(topic = self.topic, %code, "waiting for Kafka");
                    continue;
                }
                Ok(Err(error)) => {
                    anyhow::bail!(
                        "--max-unjoined: {}",
                        explain(&self.kafka, &error, self.topic)
                    );
                }
                Err(_) => {
                    let Some(missing) = self.account.give_up(self.sent.actual()) else {
                        continue;
                    };
                    tracing::warn!(
                        "no row came to {} for {} s: {missing} actual values have none; sending goes on",
                        self.topic,
                        PATIENCE.as_secs()
                    );
                }
            }
            self.limit.send_replace(self.account.limit());
        }
    }
}

/// Why the topic cannot be read.
fn explain(kafka: &KafkaSettings, error: &KafkaError, topic: &str) -> String {
    let reason = kafka.explain(error, "Read", &format!("topic `{topic}`"));
    format!("the topic {topic} cannot be read: {reason}")
}

fn ends(
    consumer: &StreamConsumer<EofContext>,
    topic: &str,
) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions(consumer, topic)? {
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let (_, end) = consumer.fetch_watermarks(topic, partition, METADATA_TIMEOUT)?;
        list.add_partition_offset(topic, partition, Offset::Offset(end))?;
    }
    Ok(list)
}

/// How many rows have come, and how many are still expected.
#[derive(Debug)]
struct Account {
    max_unjoined: u64,
    joined: u64,
    /// Actual values whose row is not expected any more.
    written_off: u64,
}

impl Account {
    fn new(max_unjoined: u64) -> Self {
        Self {
            max_unjoined,
            joined: 0,
            written_off: 0,
        }
    }

    fn limit(&self) -> Limit {
        let done = self.joined + self.written_off;
        Limit {
            actual: done.saturating_add(self.max_unjoined),
            ..Limit::NONE
        }
    }

    /// Expects the missing rows no longer, and none at all if there never was one. Returns how many are missing
    /// if the feed waits for them.
    fn give_up(&mut self, sent: u64) -> Option<u64> {
        let missing = sent.saturating_sub(self.joined + self.written_off);
        if missing < self.max_unjoined {
            return None;
        }
        if self.joined == 0 {
            self.max_unjoined = u64::MAX;
        } else {
            self.written_off += missing;
        }
        Some(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_records_are_sent_as_are_joined_or_given_up() {
        let mut account = Account::new(3);
        assert_eq!(account.limit().actual, 3);
        account.joined = 4;
        assert_eq!(account.limit().actual, 7);
        assert_eq!(
            account.give_up(6),
            None,
            "the feed does not wait: one more is allowed"
        );
        assert_eq!(account.give_up(7), Some(3));
        assert_eq!(account.limit().actual, 10);
        assert_eq!(account.give_up(7), None, "they are given up once");
        account.joined = 6;
        assert_eq!(account.limit().actual, 12, "a row may come late");
    }

    #[test]
    fn a_pipeline_that_joins_nothing_is_not_waited_for_again() {
        let mut account = Account::new(3);
        assert_eq!(account.give_up(3), Some(3));
        assert_eq!(account.limit().actual, u64::MAX);
        assert_eq!(account.give_up(1_000_000), None);
    }
}
