//! A Kafka broker whose topics have one partition.

use std::cell::RefCell;
use std::collections::BTreeSet;

use kafka_io::KafkaSettings;
use rdkafka::producer::FutureRecord;
use test_support::Record;

pub(crate) struct Broker {
    kafka: test_support::Broker,
    topics: RefCell<BTreeSet<String>>,
    /// An external cluster, whose topics exist already.
    is_external: bool,
}

impl Broker {
    pub(crate) fn start() -> Self {
        Self {
            kafka: test_support::Broker::start(),
            topics: RefCell::default(),
            is_external: false,
        }
    }

    #[cfg(feature = "real-connect")]
    pub(crate) fn at(bootstrap_servers: String) -> Self {
        Self {
            kafka: test_support::Broker::external(bootstrap_servers),
            topics: RefCell::default(),
            is_external: true,
        }
    }

    pub(crate) fn settings(&self) -> KafkaSettings {
        self.kafka.settings()
    }

    pub(crate) fn create(&self, topic: &str) {
        if !self.is_external && self.topics.borrow_mut().insert(topic.to_owned()) {
            self.kafka.create_topic(topic, 1);
        }
    }

    /// Writes a record with timestamp 1,000; `None` is a tombstone.
    pub(crate) async fn write(&self, topic: &str, key: &[u8], value: Option<&[u8]>) {
        self.create(topic);
        let record = FutureRecord {
            topic,
            partition: Some(0),
            payload: value,
            key: Some(key),
            timestamp: Some(1000),
            headers: None,
        };
        self.kafka.send(record).await;
    }

    /// The records of a topic, once there are `count`.
    pub(crate) async fn read(&self, topic: &str, count: usize) -> Vec<Record> {
        self.kafka.read(topic, count).await
    }
}
