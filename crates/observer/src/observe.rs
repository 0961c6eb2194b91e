//! Reads a running pipeline's topics into a [`Ledger`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use kafka_io::{EofContext, KafkaSettings};

use pipeline::{EventTime, topics};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use report::{Ledger, SeenRecord};
use service_runtime::Tasks;
use tokio::sync::watch;

use crate::catching_up::{CatchingUp, TopicToRead};
use crate::event_clock::EventClock;
use crate::letters::Letters;
use crate::traffic::Traffic;

/// A consumer of one topic.
type Reader = StreamConsumer<EofContext>;

/// How long a look-up of a topic's partitions may take, and how long to wait before the next one
/// where the topic does not exist yet.
const LOOK_UP: Duration = Duration::from_secs(5);
const NEXT_LOOK: Duration = Duration::from_secs(1);
/// How long a broker may hold an empty answer, in milliseconds, where a run without an end is watched:
/// a record is sent at once all the same, and the broker is asked twice a second for each topic.
const PATIENCE: &str = "500";

/// A pipeline under observation; clones see the same.
#[derive(Clone, Debug)]
pub struct Observer {
    ledger: Arc<Mutex<Ledger>>,
    changes: watch::Sender<u64>,
    traffic: Traffic,
    event_clock: EventClock,
    letters: Letters,
    history_until: watch::Sender<Option<EventTime>>,
    catching_up: CatchingUp,
}

/// From where topics are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Every record counts: one that was deleted before it was read is an error.
    Beginning,
    /// So many of the newest records of each topic, and then every one; where records were deleted
    /// before they were read, again so many of the newest.
    Newest(u32),
}

/// Every topic that a report is made from: the pipeline's and their dead letters.
pub fn observed_topics() -> Vec<String> {
    let all = topics::ALL.iter();
    all.clone()
        .map(|topic| (*topic).to_owned())
        .chain(all.map(|topic| topics::dead_letters_of(topic)))
        .collect()
}

impl Observer {
    /// Starts to read; the tasks end with their group's token.
    ///
    /// # Errors
    /// Where a client cannot be made from the settings.
    pub fn start(
        kafka: &KafkaSettings,
        ledger: Ledger,
        from: Start,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Self> {
        let observer = Self {
            ledger: Arc::new(Mutex::new(ledger)),
            changes: watch::Sender::new(0),
            traffic: Traffic::default(),
            event_clock: EventClock::default(),
            letters: Letters::default(),
            history_until: watch::Sender::new(None),
            catching_up: CatchingUp::of_topics(observed_topics().len()),
        };
        for topic in observed_topics() {
            let more: &[_] = match from {
                Start::Beginning => &[],
                Start::Newest(_) => &[("fetch.wait.max.ms", PATIENCE)],
            };
            let consumer: Reader = kafka
                .eof_consumer("catchweight-observer", more)
                .context("a Kafka consumer cannot be made")?;
            let (reader, shutdown) = (observer.clone(), tasks.shutdown());
            tasks.spawn(format!("observing {topic}"), async move {
                tokio::select! {
                    () = shutdown.cancelled() => Ok(()),
                    ended = reader.read(Arc::new(consumer), &topic, from) => ended,
                }
            });
        }
        Ok(observer)
    }

    /// What was seen so far.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // The ledger is a plain value that each note leaves whole.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes with every record that was seen.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits until every topic was read to where it ended when it was first looked at; one that did
    /// not exist then had nothing on it.
    pub async fn caught_up(&self) {
        self.catching_up.done().await;
    }

    /// Whether [`caught_up`](Self::caught_up) would not wait.
    pub fn has_caught_up(&self) -> bool {
        self.catching_up.is_done()
    }

    /// Waits until a prediction was seen.
    pub async fn first_prediction(&self) {
        let mut changes = self.changes();
        let seen = || {
            let ledger = self.ledger();
            ledger
                .fish()
                .iter()
                .any(|(_, one)| one.prediction.is_some())
        };
        // The sender lives as long as this handle, so that the wait cannot fail.
        let _ = changes.wait_for(|_| seen()).await;
    }

    /// How records come since the topics are read.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Which event time each topic has reached, and when.
    pub fn event_clock(&self) -> &EventClock {
        &self.event_clock
    }

    /// The newest dead letters.
    pub fn letters(&self) -> &Letters {
        &self.letters
    }

    /// The newest event time among the records of measurements that were on the topics already when
    /// only the newest were read: of fish until then not everything need have been seen.
    pub fn history_until(&self) -> Option<EventTime> {
        *self.history_until.borrow()
    }

    async fn read(&self, consumer: Arc<Reader>, topic: &str, from: Start) -> anyhow::Result<()> {
        let mut to_read = self.catching_up.topic();
        let partitions = partitions_of(&consumer, topic, &mut to_read).await?;
        to_read.has(partitions);
        let mut ends = assign(&consumer, topic, partitions, from).await?;
        self.traffic.reads(topic);
        self.changes.send_modify(|seen| *seen += 1);
        loop {
            match consumer.recv().await {
                Ok(record) => {
                    let past = record.offset() < end_of(&ends, record.partition());
                    if past {
                        self.note_history(&record);
                    }
                    self.note(&record, past);
                }
                Err(KafkaError::PartitionEOF(partition)) => to_read.ended(partition),
                Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset)) => {
                    if from == Start::Beginning {
                        anyhow::bail!("records of {topic} were deleted before they were read")
                    }
                    tracing::warn!(topic, "records were deleted before they were read");
                    ends = assign(&consumer, topic, partitions, from).await?;
                }
                // librdkafka reconnects by itself; a report says what was not seen.
                Err(error) => tracing::warn!(topic, %error, "the topic cannot be read just now"),
            }
        }
    }

    fn note_history(&self, record: &BorrowedMessage<'_>) {
        let time = event_time(record);
        if record.topic() == topics::MACHINE_MEASUREMENT {
            self.history_until.send_if_modified(|until| {
                let later = time > *until;
                *until = (*until).max(time);
                later
            });
        }
    }

    /// Takes note of a record; `past` says that it was there before the topic was read.
    fn note(&self, record: &BorrowedMessage<'_>, past: bool) {
        let now = Instant::now();
        let counts = !topics::is_dead_letters(record.topic()) || self.letters.note(record);
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
                "a record that the report cannot read"
            );
        }
        self.changes.send_modify(|seen| *seen += 1);
    }
}

fn event_time(record: &BorrowedMessage<'_>) -> Option<EventTime> {
    let millis = record.timestamp().to_millis()?;
    EventTime::from_millis(millis).ok()
}

/// The end of a partition when it was assigned; 0 where it is read from the beginning.
fn end_of(ends: &[i64], partition: i32) -> i64 {
    let end = usize::try_from(partition).ok().and_then(|at| ends.get(at));
    end.copied().unwrap_or_default()
}

/// Assigns all partitions of the topic to the consumer. Where only the newest records are read, it
/// tells the ends of the partitions.
async fn assign(
    consumer: &Arc<Reader>,
    topic: &str,
    partitions: i32,
    from: Start,
) -> anyhow::Result<Vec<i64>> {
    let mut assignment = TopicPartitionList::new();
    let mut ends = Vec::new();
    for partition in 0..partitions {
        let offset = match from {
            Start::Beginning => Offset::Beginning,
            Start::Newest(records) => {
                let (low, high) = watermarks(consumer, topic, partition).await?;
                ends.push(high);
                Offset::Offset(low.max(high - i64::from(records) / i64::from(partitions)))
            }
        };
        assignment.add_partition_offset(topic, partition, offset)?;
    }
    consumer.assign(&assignment)?;
    Ok(ends)
}

/// A partition's lowest offset, and the one after its newest record.
async fn watermarks(
    consumer: &Arc<Reader>,
    topic: &str,
    partition: i32,
) -> anyhow::Result<(i64, i64)> {
    loop {
        let (asking, name) = (consumer.clone(), topic.to_owned());
        let found =
            tokio::task::spawn_blocking(move || asking.fetch_watermarks(&name, partition, LOOK_UP));
        match found.await? {
            Ok(found) => return Ok(found),
            Err(error) => tracing::warn!(topic, %error, "Kafka does not answer; asking again"),
        }
        tokio::time::sleep(NEXT_LOOK).await;
    }
}

/// The topic's number of partitions, as soon as it exists.
async fn partitions_of(
    consumer: &Arc<Reader>,
    topic: &str,
    to_read: &mut TopicToRead,
) -> anyhow::Result<i32> {
    loop {
        let (asking, name) = (consumer.clone(), topic.to_owned());
        let found = tokio::task::spawn_blocking(move || {
            let metadata = asking.fetch_metadata(None, LOOK_UP)?;
            let known = metadata.topics().iter().find(|one| one.name() == name);
            Ok::<_, KafkaError>(known.map_or(0, |one| one.partitions().len()))
        })
        .await?;
        match found {
            Ok(0) => to_read.is_absent(),
            Ok(partitions) => return Ok(i32::try_from(partitions)?),
            Err(error) => tracing::warn!(topic, %error, "Kafka does not answer; asking again"),
        }
        tokio::time::sleep(NEXT_LOOK).await;
    }
}
