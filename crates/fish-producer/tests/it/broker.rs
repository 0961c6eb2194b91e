//! librdkafka's in-process cluster: the real wire protocol on loopback.

use std::time::Duration;

use fish_producer::{Config, FishProducer};
use kafka_io::KafkaSettings;
use pipeline::topics::{MACHINE_MEASUREMENT, MACHINE_WEIGHT};
use rdkafka::Message;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use service_runtime::CancellationToken;

pub(crate) type Broker = MockCluster<'static, DefaultProducerContext>;

/// Longer than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) const PARTITIONS: i32 = 3;

pub(crate) fn broker() -> Broker {
    let broker = MockCluster::new(1).unwrap();
    for topic in [MACHINE_MEASUREMENT, MACHINE_WEIGHT] {
        broker.create_topic(topic, PARTITIONS, 1).unwrap();
    }
    broker
}

pub(crate) fn kafka(broker: &Broker) -> KafkaSettings {
    KafkaSettings::plain(broker.bootstrap_servers())
}

pub(crate) fn producer(config: &Config, broker: &Broker) -> FishProducer {
    FishProducer::bind(config, &kafka(broker)).unwrap()
}

/// Runs until the plan ends.
pub(crate) async fn run(producer: FishProducer) -> anyhow::Result<()> {
    let run = producer.run(CancellationToken::new());
    tokio::time::timeout(LONG, run).await.expect("in time")
}

/// A record as a consumer sees it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) partition: i32,
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
    pub(crate) timestamp: i64,
}

/// The first `count` records of `topic`; waits for them.
pub(crate) async fn records(broker: &Broker, topic: &str, count: usize) -> Vec<Record> {
    let consumer: StreamConsumer = kafka(broker).assigning_consumer("test").create().unwrap();
    let mut from = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        from.add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&from).unwrap();
    let mut records = Vec::new();
    while records.len() < count {
        let received = tokio::time::timeout(LONG, consumer.recv()).await;
        let message = received.expect("in time").unwrap();
        records.push(Record {
            partition: message.partition(),
            key: String::from_utf8(message.key().unwrap().to_vec()).unwrap(),
            value: message.payload().unwrap().to_vec(),
            timestamp: message.timestamp().to_millis().unwrap(),
        });
    }
    records
}

/// How many records `topic` holds.
pub(crate) fn count(broker: &Broker, topic: &str) -> i64 {
    let consumer: StreamConsumer = kafka(broker).assigning_consumer("test").create().unwrap();
    (0..PARTITIONS)
        .map(|partition| consumer.fetch_watermarks(topic, partition, LONG).unwrap().1)
        .sum()
}
