//! Writing to topics and reading them.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_io::KafkaSettings;
use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::{PATIENCE, within};

/// A record as the tests see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub timestamp: Option<i64>,
    pub headers: BTreeMap<String, String>,
}

impl Seen {
    pub fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            timestamp: message.timestamp().to_millis(),
            headers: headers
                .map(|header| {
                    let value = String::from_utf8_lossy(header.value.unwrap_or_default());
                    (header.key.to_owned(), value.into_owned())
                })
                .collect(),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }

    pub fn key_text(&self) -> String {
        String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()
    }
}

/// A measurement with the fields that the predictor asks for, and one more.
pub fn measurement(id: &str, length: f64) -> String {
    format!(
        r#"{{"Fish_Id":"{id}","Species":"salmon","Length":{length:.2},"Height":18.740,"More":[1,{{}}]}}"#
    )
}

/// Writes to one topic.
pub struct Sender {
    producer: FutureProducer,
    topic: String,
}

impl Sender {
    /// To the topic `in`.
    pub fn new(kafka: &KafkaSettings) -> Self {
        Self::to(kafka, "in")
    }

    pub fn to(kafka: &KafkaSettings, topic: &str) -> Self {
        Self {
            producer: FutureProducer::from_config(&kafka.producer("test")).unwrap(),
            topic: topic.to_owned(),
        }
    }

    fn record<'a>(
        &'a self,
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
        millis: i64,
    ) -> FutureRecord<'a, [u8], [u8]> {
        FutureRecord {
            topic: &self.topic,
            partition: None,
            payload: value,
            key,
            timestamp: Some(millis),
            headers: Some(OwnedHeaders::new().insert(Header {
                key: "trace",
                value: Some("t1"),
            })),
        }
    }

    /// Writes one record and waits for the acknowledgement; returns its partition and offset.
    pub async fn send(&self, key: Option<&[u8]>, value: Option<&[u8]>, millis: i64) -> (i32, i64) {
        let sending = self
            .producer
            .send(self.record(key, value, millis), PATIENCE);
        let sent = within("a delivery", sending).await.unwrap();
        (sent.partition, sent.offset)
    }

    /// Writes one record; [`Self::flush`] waits for it.
    pub fn enqueue(&self, key: &[u8], value: &[u8], millis: i64) {
        let record = self.record(Some(key), Some(value), millis);
        drop(self.producer.send_result(record).unwrap());
    }

    pub async fn flush(&self) {
        let producer = self.producer.clone();
        let flushed = tokio::task::spawn_blocking(move || producer.flush(PATIENCE)).await;
        flushed.unwrap().unwrap();
    }

    /// Writes the measurements of `ids` at full speed and waits for all acknowledgements.
    pub async fn send_measurements(&self, ids: std::ops::Range<u32>) {
        for id in ids {
            let key = id.to_string();
            let value = measurement(&key, 50.0 + f64::from(id % 50));
            self.enqueue(key.as_bytes(), value.as_bytes(), 1_000_000 + i64::from(id));
        }
        self.flush().await;
    }
}

/// Reads `topic` from its beginning until there are at least `count` records, and what comes in
/// a moment after them, so that too many are noticed.
pub async fn read(kafka: &KafkaSettings, topic: &str, count: usize) -> Vec<Seen> {
    let kafka = kafka.clone();
    let topic = topic.to_owned();
    tokio::task::spawn_blocking(move || {
        let consumer = BaseConsumer::from_config(&kafka.assigning_consumer("test-reader")).unwrap();
        let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE).unwrap();
        let mut assignment = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            assignment
                .add_partition_offset(&topic, partition.id(), Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&assignment).unwrap();
        let deadline = std::time::Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let wait = match seen.len() < count {
                true => Duration::from_secs(1),
                false => Duration::from_millis(200),
            };
            match consumer.poll(wait) {
                Some(message) => seen.push(Seen::of(&message.unwrap())),
                None if seen.len() >= count => return seen,
                None => assert!(
                    std::time::Instant::now() < deadline,
                    "`{topic}` has {} records, not {count}",
                    seen.len()
                ),
            }
        }
    })
    .await
    .unwrap()
}

/// How many offsets each partition of `topic` has.
#[cfg(feature = "kafka-tests")]
pub async fn end_offsets(kafka: &KafkaSettings, topic: &str) -> Vec<i64> {
    let (kafka, topic) = (kafka.clone(), topic.to_owned());
    tokio::task::spawn_blocking(move || {
        let consumer = BaseConsumer::from_config(&kafka.assigning_consumer("test-ends")).unwrap();
        let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE).unwrap();
        let partitions = metadata.topics()[0].partitions().iter();
        partitions
            .map(|partition| {
                let range = consumer.fetch_watermarks(&topic, partition.id(), PATIENCE);
                range.unwrap().1
            })
            .collect()
    })
    .await
    .unwrap()
}
