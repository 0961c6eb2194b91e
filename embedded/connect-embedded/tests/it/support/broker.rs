//! librdkafka's in-process cluster.

use std::cell::RefCell;
use std::collections::BTreeSet;

use kafka_io::KafkaSettings;
use rdkafka::Message;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Headers;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};

use super::in_time;

/// A cluster of one broker; each topic has one partition.
pub(crate) struct Broker {
    /// `None` for an external cluster, whose topics exist already.
    cluster: Option<MockCluster<'static, DefaultProducerContext>>,
    bootstrap_servers: String,
    producer: FutureProducer,
    topics: RefCell<BTreeSet<String>>,
}

/// A record of a topic.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        &found
            .unwrap_or_else(|| panic!("no header {name} in {self:?}"))
            .1
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.value.as_deref().expect("a value")).expect("UTF-8")
    }
}

impl Broker {
    pub(crate) fn start() -> Self {
        let cluster = MockCluster::new(1).expect("a cluster");
        let bootstrap_servers = cluster.bootstrap_servers();
        Self {
            cluster: Some(cluster),
            ..Self::at(bootstrap_servers)
        }
    }

    /// An external cluster.
    pub(crate) fn at(bootstrap_servers: String) -> Self {
        let settings = KafkaSettings::plain(&bootstrap_servers);
        let producer = settings.producer("test").create().expect("a producer");
        Self {
            cluster: None,
            bootstrap_servers,
            producer,
            topics: RefCell::default(),
        }
    }

    pub(crate) fn settings(&self) -> KafkaSettings {
        KafkaSettings::plain(&self.bootstrap_servers)
    }

    pub(crate) fn create(&self, topic: &str) {
        if let Some(cluster) = &self.cluster
            && self.topics.borrow_mut().insert(topic.to_owned())
        {
            cluster.create_topic(topic, 1, 1).expect("a topic");
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
        in_time("the delivery", self.producer.send(record, Timeout::Never))
            .await
            .expect("delivered");
    }

    /// The first `count` records of a topic.
    pub(crate) async fn read(&self, topic: &str, count: usize) -> Vec<Seen> {
        let consumer: StreamConsumer = self
            .settings()
            .assigning_consumer("test-reader")
            .create()
            .expect("a consumer");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Beginning)
            .expect("an offset");
        consumer.assign(&list).expect("assigned");
        let mut seen = Vec::new();
        while seen.len() < count {
            let record = in_time(
                &format!("record {} of {topic}", seen.len()),
                consumer.recv(),
            )
            .await
            .expect("a record");
            let headers = record.headers().map_or_else(Vec::new, |headers| {
                let text = |v: Option<&[u8]>| String::from_utf8_lossy(v.unwrap_or_default()).into();
                headers
                    .iter()
                    .map(|h| (h.key.to_owned(), text(h.value)))
                    .collect()
            });
            seen.push(Seen {
                key: record.key().map(<[u8]>::to_vec),
                value: record.payload().map(<[u8]>::to_vec),
                timestamp: record.timestamp().to_millis(),
                headers,
            });
        }
        seen
    }
}
