//! librdkafka's in-process cluster, and runtimes on it.

use std::time::Duration;

use kafka_io::KafkaSettings;
use ksql_engine::kafka::{Metrics, Options, Runtime, RuntimeError};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use crate::wait::LIMIT;

pub(crate) struct Broker {
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
    pub(crate) settings: KafkaSettings,
    producer: FutureProducer,
    partitions: i32,
}

impl Broker {
    pub(crate) fn start<'t>(partitions: i32, topics: impl IntoIterator<Item = &'t str>) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in topics {
            cluster.create_topic(topic, partitions, 1).unwrap();
        }
        let settings = KafkaSettings::plain(cluster.bootstrap_servers());
        // Uncompressed: sizes in tests are the sizes in the cluster.
        let producer = settings
            .producer("test")
            .set("compression.type", "none")
            .create()
            .unwrap();
        Self {
            cluster,
            settings,
            producer,
            partitions,
        }
    }

    pub(crate) async fn send(&self, topic: &str, key: &str, value: &str, timestamp: i64) {
        let record = FutureRecord::to(topic)
            .key(key)
            .payload(value)
            .timestamp(timestamp);
        self.producer.send(record, LIMIT).await.unwrap();
    }

    /// The first records of a topic, in order of arrival.
    pub(crate) async fn records(
        &self,
        topic: &str,
        count: usize,
    ) -> Vec<(i32, Vec<u8>, serde_json::Value, i64)> {
        let consumer: StreamConsumer = self
            .settings
            .assigning_consumer("test-reader")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions {
            list.add_partition_offset(topic, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&list).unwrap();
        let mut records = Vec::new();
        while records.len() < count {
            let message = tokio::time::timeout(LIMIT, consumer.recv())
                .await
                .unwrap_or_else(|_| panic!("{topic} has only {} of {count} records", records.len()))
                .unwrap();
            records.push((
                message.partition(),
                message.key().unwrap_or_default().to_vec(),
                serde_json::from_slice(message.payload().unwrap()).unwrap(),
                message.timestamp().to_millis().unwrap(),
            ));
        }
        records
    }

    /// A runtime without queries, and its metrics.
    pub(crate) async fn runtime(&self) -> (Runtime, Metrics) {
        let options = Options::default();
        let metrics = options.metrics.clone();
        let runtime = Runtime::start(self.settings.clone(), options);
        (runtime.await.unwrap(), metrics)
    }
}

/// Stops a runtime within its own timeout for deliveries.
pub(crate) async fn stop(runtime: &Runtime) -> Result<(), RuntimeError> {
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let bound = Duration::from_secs(30);
    tokio::time::timeout(bound, runtime.run(shutdown))
        .await
        .expect("it stops in time")
}
