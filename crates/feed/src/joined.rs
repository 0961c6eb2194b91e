//! Keeps a feed close to the rows that the SQL has joined.
//!
//! If records are sent faster than in real time, a slow or cold SQL engine falls behind, and its tasks fall behind by
//! different amounts: its windows then close before all their rows have come. A feed that waits for the rows
//! takes longer on a slow machine, and has the same windows as on a fast one.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kafka_io::{EofContext, KafkaSettings, is_transient, partition_count};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Message, Offset, TopicPartitionList};
use service_runtime::UsageError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::feeder::{METADATA_TIMEOUT, RETRY_INTERVAL};
use crate::limit::Limit;
use crate::progress::Progress;

/// How long to wait for the topic, which the SQL creates, and then for its first row.
const START_PATIENCE: Duration = Duration::from_secs(180);
/// How long to wait for the next row.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two looks at how long the feed has been waiting.
const TICK: Duration = Duration::from_secs(1);

/// Counts joined rows, and limits the actual values that have none.
pub struct Joined {
    kafka: KafkaSettings,
    consumer: Arc<StreamConsumer<EofContext>>,
    topic: &'static str,
    sent: Progress,
    in_flight: InFlight,
    limit: watch::Sender<Limit>,
}

impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joined")
            .field("topic", &self.topic)
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}

impl Joined {
    /// Counts the rows that come to `topic`. At most `max_unjoined` of the actual values that were `sent` may be
    /// without a row; the feed must keep the returned limit. It does not connect to Kafka.
    ///
    /// # Errors
    /// A Kafka property is invalid.
    pub fn new(
        kafka: &KafkaSettings,
        topic: &'static str,
        max_unjoined: u64,
        sent: Progress,
    ) -> Result<(Self, watch::Receiver<Limit>), UsageError> {
        let property = |error: KafkaError| UsageError(format!("invalid Kafka properties: {error}"));
        let consumer: StreamConsumer<EofContext> =
            kafka.eof_consumer("feed", &[]).map_err(property)?;
        // No actual value is sent before it is known where the topic ends.
        let (limit, limited) = watch::channel(Limit {
            actual: 0,
            ..Limit::NONE
        });
        let joined = Self {
            kafka: kafka.clone(),
            consumer: Arc::new(consumer),
            topic,
            sent,
            in_flight: InFlight::new(max_unjoined),
            limit,
        };
        Ok((joined, limited))
    }

    /// Moves the limit until the future is dropped. If the rows cannot be read, there is no limit any more.
    pub async fn run(mut self) -> Infallible {
        let Err(reason) = self.follow().await;
        tracing::warn!("{reason}; sending goes on without waiting for joined rows");
        self.limit.send_replace(Limit::NONE);
        std::future::pending().await
    }

    /// Moves the limit until the rows cannot be read, which it explains.
    async fn follow(&mut self) -> Result<Infallible, String> {
        let ends = self.ends().await?;
        let assigned = self.consumer.assign(&ends);
        assigned.map_err(|error| self.explain(&error))?;
        let mut waiting_since = None;
        loop {
            self.limit.send_replace(self.in_flight.limit());
            match timeout(TICK, self.consumer.recv()).await {
                Ok(Ok(row)) if row.payload().is_some() => {
                    self.in_flight.row_came(self.sent.actual());
                    waiting_since = None;
                }
                Ok(Ok(_) | Err(KafkaError::PartitionEOF(_))) | Err(_) => {}
                Ok(Err(error)) => match error.rdkafka_error_code() {
                    // It joins no group.
                    Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {}
                    Some(code) if is_transient(code) => {
                        tracing::warn!(topic = self.topic, %code, "waiting for Kafka");
                    }
                    _ => return Err(self.explain(&error)),
                },
            }
            let sent = self.sent.actual();
            if !self.in_flight.is_full(sent) {
                waiting_since = None;
                continue;
            }
            let waiting = waiting_since.get_or_insert_with(Instant::now).elapsed();
            let topic = self.topic;
            if self.in_flight.joined == 0 && waiting >= START_PATIENCE {
                let seconds = START_PATIENCE.as_secs();
                return Err(format!("no row came to {topic} within {seconds} s"));
            }
            if self.in_flight.joined > 0 && waiting >= PATIENCE {
                let lost = self.in_flight.expect_no_more(sent);
                let seconds = PATIENCE.as_secs();
                tracing::warn!(
                    "no row came to {topic} for {seconds} s: {lost} actual values have none; sending goes on"
                );
                waiting_since = None;
            }
        }
    }

    /// The end of each partition. Waits for Kafka and for the topic.
    async fn ends(&self) -> Result<TopicPartitionList, String> {
        let began = Instant::now();
        let mut warned = false;
        loop {
            let (consumer, topic) = (Arc::clone(&self.consumer), self.topic);
            let read = tokio::task::spawn_blocking(move || ends(&consumer, topic));
            let reason = match read.await.map_err(|error| error.to_string())? {
                Ok(ends) if ends.count() > 0 => return Ok(ends),
                Ok(_) => format!("the topic {topic} does not exist; the pipeline's SQL creates it"),
                // The feed says so too.
                Err(error) if error.rdkafka_error_code().is_some_and(is_transient) => {
                    sleep(RETRY_INTERVAL).await;
                    continue;
                }
                Err(error) => self.explain(&error),
            };
            if began.elapsed() >= START_PATIENCE {
                return Err(reason);
            }
            if !std::mem::replace(&mut warned, true) {
                tracing::warn!("{reason}; waiting");
            }
            sleep(RETRY_INTERVAL).await;
        }
    }

    /// Why the topic cannot be read.
    fn explain(&self, error: &KafkaError) -> String {
        let topic = self.topic;
        let reason = self
            .kafka
            .explain(error, "Read", &format!("topic `{topic}`"));
        format!("the topic {topic} cannot be read: {reason}")
    }
}

fn ends(
    consumer: &StreamConsumer<EofContext>,
    topic: &str,
) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for partition in 0..partition_count(consumer, topic, METADATA_TIMEOUT)? {
        let (_, end) = consumer.fetch_watermarks(topic, partition, METADATA_TIMEOUT)?;
        list.add_partition_offset(topic, partition, Offset::Offset(end))?;
    }
    Ok(list)
}

/// The actual values that are sent and not joined.
#[derive(Debug)]
struct InFlight {
    max_unjoined: u64,
    joined: u64,
    /// Actual values whose row is not expected any more.
    lost: u64,
}

impl InFlight {
    fn new(max_unjoined: u64) -> Self {
        Self {
            max_unjoined,
            joined: 0,
            lost: 0,
        }
    }

    fn limit(&self) -> Limit {
        Limit {
            actual: (self.joined + self.lost).saturating_add(self.max_unjoined),
            ..Limit::NONE
        }
    }

    /// A row came, perhaps one that was not expected any more.
    fn row_came(&mut self, sent: u64) {
        self.joined += 1;
        self.lost = self.lost.min(sent.saturating_sub(self.joined));
    }

    /// Whether the feed waits for a row.
    fn is_full(&self, sent: u64) -> bool {
        sent >= self.limit().actual
    }

    /// Stops to expect the rows that are missing; returns how many.
    fn expect_no_more(&mut self, sent: u64) -> u64 {
        let missing = sent.saturating_sub(self.joined + self.lost);
        self.lost += missing;
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_records_are_sent_as_are_joined_or_lost() {
        let mut in_flight = InFlight::new(3);
        assert_eq!(in_flight.limit().actual, 3);
        for _ in 0..4 {
            in_flight.row_came(7);
        }
        assert_eq!(in_flight.limit().actual, 7);
        assert!(!in_flight.is_full(6) && in_flight.is_full(7));
        assert_eq!(in_flight.expect_no_more(7), 3);
        assert_eq!(in_flight.limit().actual, 10);
        assert!(!in_flight.is_full(9) && in_flight.is_full(10));
    }

    #[test]
    fn late_rows_do_not_widen_the_limit() {
        let mut in_flight = InFlight::new(3);
        in_flight.row_came(4);
        assert_eq!(in_flight.expect_no_more(4), 3);
        for _ in 0..3 {
            in_flight.row_came(4);
        }
        assert_eq!(
            in_flight.limit().actual,
            7,
            "four joined and three in flight"
        );
    }
}
