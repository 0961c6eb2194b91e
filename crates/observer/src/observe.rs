//! Reads a running pipeline's topics, from their beginning, into a [`Ledger`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use kafka_io::KafkaSettings;
use messages::topics;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use report::{Ledger, SeenRecord};
use service_runtime::Tasks;
use tokio::sync::watch;

/// How long a look-up of a topic's partitions may take, and how long to wait before the next one
/// where the topic does not exist yet.
const LOOK_UP: Duration = Duration::from_secs(5);
const NEXT_LOOK: Duration = Duration::from_secs(1);

/// A pipeline under observation; clones see the same.
#[derive(Clone, Debug)]
pub struct Observer {
    ledger: Arc<Mutex<Ledger>>,
    changes: watch::Sender<u64>,
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
    pub fn start(kafka: &KafkaSettings, ledger: Ledger, tasks: &mut Tasks) -> anyhow::Result<Self> {
        let observer = Self {
            ledger: Arc::new(Mutex::new(ledger)),
            changes: watch::Sender::new(0),
        };
        for topic in observed_topics() {
            let config = kafka.assigning_consumer("catchweight-observer");
            let consumer: StreamConsumer =
                config.create().context("a Kafka consumer cannot be made")?;
            let (reader, shutdown) = (observer.clone(), tasks.shutdown());
            tasks.spawn(format!("observing {topic}"), async move {
                tokio::select! {
                    () = shutdown.cancelled() => Ok(()),
                    ended = reader.read(Arc::new(consumer), &topic) => ended,
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

    async fn read(&self, consumer: Arc<StreamConsumer>, topic: &str) -> anyhow::Result<()> {
        let partitions = partitions_of(&consumer, topic).await?;
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            assignment.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&assignment)?;
        loop {
            match consumer.recv().await {
                Ok(record) => self.note(&record),
                Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset)) => {
                    anyhow::bail!("records of {topic} were deleted before they were read")
                }
                // librdkafka reconnects by itself; a report says what was not seen.
                Err(error) => tracing::warn!(topic, %error, "the topic cannot be read just now"),
            }
        }
    }

    fn note(&self, record: &rdkafka::message::BorrowedMessage<'_>) {
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

/// The topic's number of partitions, as soon as it exists.
async fn partitions_of(consumer: &Arc<StreamConsumer>, topic: &str) -> anyhow::Result<i32> {
    loop {
        let (asking, name) = (consumer.clone(), topic.to_owned());
        let found = tokio::task::spawn_blocking(move || {
            let metadata = asking.fetch_metadata(None, LOOK_UP)?;
            let known = metadata.topics().iter().find(|one| one.name() == name);
            Ok::<_, KafkaError>(known.map_or(0, |one| one.partitions().len()))
        })
        .await?;
        match found {
            Ok(0) => {}
            Ok(partitions) => return Ok(i32::try_from(partitions)?),
            Err(error) => tracing::warn!(topic, %error, "Kafka does not answer; asking again"),
        }
        tokio::time::sleep(NEXT_LOOK).await;
    }
}
