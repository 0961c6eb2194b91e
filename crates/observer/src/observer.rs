//! Reads the topics of a running pipeline into a [`Ledger`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use kafka_io::{EofContext, KafkaSettings};
use pipeline::{Definition, EventTime, topics};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::Offset;
use report::{Ledger, SeenRecord};
use service_runtime::Tasks;
use tokio::sync::watch;

use crate::catch_up::{CatchUp, TopicCatchUp};
use crate::dead_letters::DeadLetters;
use crate::event_clock::EventClock;
use crate::position::{assign, end_of, partition_of, start_of};
use crate::refusals::Refusals;
use crate::traffic::Traffic;

/// A consumer of one topic.
pub(crate) type Reader = StreamConsumer<EofContext>;

/// Also the id of the consumer's group: it never joins it, but librdkafka asks for its coordinator.
pub(crate) const CLIENT_ID: &str = "catchweight-observer";
/// The timeout of a metadata or watermark query, and the pause before the next one.
pub(crate) const QUERY_TIMEOUT: Duration = Duration::from_secs(5);
pub(crate) const QUERY_PAUSE: Duration = Duration::from_secs(1);

/// Reads the topics of a pipeline; clones share what was read.
#[derive(Clone, Debug)]
pub struct Observer {
    definition: &'static Definition,
    ledger: Arc<Mutex<Ledger>>,
    changes: watch::Sender<u64>,
    traffic: Traffic,
    event_clock: EventClock,
    dead_letters: DeadLetters,
    history_until: watch::Sender<Option<EventTime>>,
    catch_up: CatchUp,
    refusals: Refusals,
}

/// Where to start reading the topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first record. If records are deleted before they are read, the observer fails.
    Beginning,
    /// At this many of the newest records of each topic. If records are deleted before they are read,
    /// the observer starts again there.
    Newest(u32),
}

/// Every topic that a report needs: the topics of the pipeline and their dead-letter topics.
pub fn observed_topics(definition: &Definition) -> Vec<String> {
    let all = definition.topics.all();
    all.map(str::to_owned)
        .into_iter()
        .chain(all.map(topics::dead_letters_of))
        .collect()
}

impl Observer {
    /// Starts a reader for each topic of the ledger's pipeline in `tasks`.
    ///
    /// # Errors
    /// If a client cannot be created from the settings.
    pub fn start(
        kafka: &KafkaSettings,
        ledger: Ledger,
        from: Start,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Self> {
        let definition = ledger.definition();
        let topics = observed_topics(definition);
        let observer = Self {
            definition,
            ledger: Arc::new(Mutex::new(ledger)),
            changes: watch::Sender::new(0),
            traffic: Traffic::default(),
            event_clock: EventClock::default(),
            dead_letters: DeadLetters::default(),
            history_until: watch::Sender::new(None),
            catch_up: CatchUp::of_topics(topics.len()),
            refusals: Refusals::new(kafka.clone()),
        };
        for topic in topics {
            let consumer: Reader = kafka
                .eof_consumer(CLIENT_ID, &[])
                .context("cannot create a Kafka consumer")?;
            let (reader, shutdown) = (observer.clone(), tasks.shutdown());
            tasks.spawn(format!("observer of {topic}"), async move {
                tokio::select! {
                    () = shutdown.cancelled() => Ok(()),
                    ended = reader.read(Arc::new(consumer), &topic, from) => ended,
                }
            });
        }
        Ok(observer)
    }

    /// The pipeline.
    pub fn definition(&self) -> &'static Definition {
        self.definition
    }

    /// The records seen so far.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A panic cannot leave the ledger in an invalid state.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the records seen; wakes with each one.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits until every topic was read to the end that it had when the observer started. A topic that
    /// did not exist then counts as read.
    pub async fn caught_up(&self) {
        self.catch_up.done().await;
    }

    /// Whether [`caught_up`](Self::caught_up) would return immediately.
    pub fn has_caught_up(&self) -> bool {
        self.catch_up.is_done()
    }

    /// Waits for the first prediction.
    pub async fn first_prediction(&self) {
        let mut changes = self.changes();
        let seen = || self.ledger().steps().predicted > 0;
        // Cannot fail: `self` keeps the sender alive.
        let _ = changes.wait_for(|_| seen()).await;
    }

    /// What Kafka refuses, if anything: who, what and what to do.
    pub fn refusal(&self) -> Option<String> {
        self.refusals.first()
    }

    /// Waits until Kafka refuses something.
    pub async fn refused(&self) -> String {
        self.refusals.wait().await
    }

    /// The traffic of each topic since the observer started.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The event time that each topic has reached, and when.
    pub fn event_clock(&self) -> &EventClock {
        &self.event_clock
    }

    /// The newest dead letters.
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.dead_letters
    }

    /// With [`Start::Newest`]: the newest event time among the measurements that were on the topic before
    /// the observer started. Some records until then may not have been read.
    pub fn history_until(&self) -> Option<EventTime> {
        *self.history_until.borrow()
    }

    async fn read(&self, consumer: Arc<Reader>, topic: &str, from: Start) -> anyhow::Result<()> {
        let mut to_read = self.catch_up.topic();
        let partitions = self.partitions_of(&consumer, topic, &mut to_read).await?;
        to_read.has_partitions(partitions);
        let (mut next, mut ends) = start_of(&consumer, topic, partitions, from).await?;
        assign(&consumer, topic, &next)?;
        self.traffic.observe(topic, Instant::now());
        self.changes.send_modify(|seen| *seen += 1);
        loop {
            match consumer.recv().await {
                Ok(record) => {
                    self.set_refusal(topic, None);
                    let past = record.offset() < end_of(&ends, record.partition());
                    if past {
                        self.note_history(&record);
                    }
                    self.note(&record, past);
                    if let Some(next) = partition_of(&mut next, record.partition()) {
                        *next = Offset::Offset(record.offset() + 1);
                    }
                }
                Err(KafkaError::PartitionEOF(partition)) => {
                    consumer.context().connected();
                    self.set_refusal(topic, None);
                    to_read.reached_end(partition);
                }
                Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset)) => {
                    if from == Start::Beginning {
                        anyhow::bail!("records of {topic} were deleted before they were read")
                    }
                    tracing::warn!(topic, "records were deleted before they were read");
                    (next, ends) = start_of(&consumer, topic, partitions, from).await?;
                    assign(&consumer, topic, &next)?;
                }
                // librdkafka reconnects.
                Err(error) => match self.refusals.of_topic(&error, "Read", topic) {
                    None => {
                        let error = self.refusals.explain(&error);
                        tracing::warn!(topic, error, "cannot read the topic; retrying");
                    }
                    refusal => {
                        self.set_refusal(topic, refusal);
                        tokio::time::sleep(QUERY_PAUSE).await;
                        // librdkafka reports the end of a partition once. If it starts again there, it reports
                        // the end, a record, or the refusal again.
                        assign(&consumer, topic, &next)?;
                    }
                },
            }
        }
    }

    /// The number of partitions of the topic; waits until the topic exists and may be read.
    async fn partitions_of(
        &self,
        consumer: &Arc<Reader>,
        topic: &str,
        to_read: &mut TopicCatchUp,
    ) -> anyhow::Result<i32> {
        loop {
            let (client, name) = (consumer.clone(), topic.to_owned());
            let query = move || {
                let metadata = client.fetch_metadata(Some(&name), QUERY_TIMEOUT)?;
                let found = metadata.topics().first();
                let error = found.and_then(|found| found.error());
                match error.map(RDKafkaErrorCode::from) {
                    Some(code @ RDKafkaErrorCode::TopicAuthorizationFailed) => {
                        Err(KafkaError::MetadataFetch(code))
                    }
                    _ => Ok(found.map_or(0, |found| found.partitions().len())),
                }
            };
            let found = tokio::task::spawn_blocking(query).await?;
            if found.is_ok() {
                consumer.context().connected();
            }
            let refusal = found.as_ref().err().and_then(|error| {
                let refused = self.refusals.of_topic(error, "Describe", topic);
                refused.or_else(|| consumer.context().refused_connection())
            });
            match &found {
                Ok(0) => to_read.is_absent(),
                Err(error) if refusal.is_none() => {
                    tracing::warn!(topic, %error, "Kafka does not answer; retrying");
                }
                _ => {}
            }
            self.set_refusal(topic, refusal);
            if let Ok(partitions @ 1..) = found {
                return Ok(i32::try_from(partitions)?);
            }
            // The client's errors reach its context only while it is polled. Without an assignment it has no
            // records.
            let poll = async {
                loop {
                    if let Err(error) = consumer.recv().await {
                        tracing::debug!(topic, %error, "waiting for the topic");
                    }
                }
            };
            tokio::time::timeout(QUERY_PAUSE, poll).await.ok();
        }
    }

    /// What Kafka refuses for this topic from now on.
    fn set_refusal(&self, topic: &str, refusal: Option<String>) {
        if self.refusals.set(topic, refusal) {
            self.changes.send_modify(|seen| *seen += 1);
        }
    }

    fn note_history(&self, record: &BorrowedMessage<'_>) {
        let time = event_time(record);
        if record.topic() == self.definition.topics.measured {
            self.history_until.send_if_modified(|until| {
                let later = time > *until;
                *until = (*until).max(time);
                later
            });
        }
    }

    /// Adds a record; `past` is true if it was on the topic before the observer started.
    fn note(&self, record: &BorrowedMessage<'_>, past: bool) {
        let now = Instant::now();
        let counts = !topics::is_dead_letters(record.topic()) || self.dead_letters.note(record);
        if !counts {
            self.changes.send_modify(|seen| *seen += 1);
            return;
        }
        if !past {
            self.traffic.note(record.topic(), now);
        }
        if let Some(time) = event_time(record) {
            self.event_clock.note(record.topic(), time, now);
        }
        let seen = SeenRecord {
            topic: record.topic(),
            key: record.key(),
            value: record.payload(),
        };
        if let Err(error) = self.ledger().note(seen) {
            tracing::debug!(
                topic = record.topic(),
                partition = record.partition(),
                offset = record.offset(),
                %error,
                "unreadable record"
            );
        }
        self.changes.send_modify(|seen| *seen += 1);
    }
}

fn event_time(record: &BorrowedMessage<'_>) -> Option<EventTime> {
    let millis = record.timestamp().to_millis()?;
    EventTime::from_millis(millis).ok()
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    use service_runtime::CancellationToken;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test(flavor = "multi_thread")]
    async fn a_quiet_topic_is_read_again_after_a_refusal() {
        let definition = Definition::shipped();
        let broker = MockCluster::new(1).expect("a cluster");
        for topic in observed_topics(definition) {
            broker.create_topic(&topic, 2, 1).expect("a topic");
        }
        let kafka = KafkaSettings::plain(broker.bootstrap_servers());
        let mut tasks = Tasks::new(CancellationToken::new());
        let ledger = Ledger::new(definition);
        let observer = Observer::start(&kafka, ledger, Start::Beginning, &mut tasks);
        let observer = observer.expect("an observer");
        let caught_up = tokio::time::timeout(PATIENCE, observer.caught_up());
        caught_up.await.expect("the ends");
        let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        broker.request_errors(RDKafkaApiKey::Fetch, &[denied; 40]);
        let refused = tokio::time::timeout(PATIENCE, observer.refused());
        let reason = refused.await.expect("a refusal");
        assert!(reason.contains("the operation Read"), "{reason}");
        broker.clear_request_errors(RDKafkaApiKey::Fetch);
        let mut changes = observer.changes();
        let allowed = changes.wait_for(|_| observer.refusal().is_none());
        let allowed = tokio::time::timeout(PATIENCE, allowed).await;
        allowed.expect("the ends again").expect("an observer");
    }
}
