//! An in-process broker, and runtimes on it.

use std::time::Duration;

use kafka_io::KafkaSettings;
use ksql_engine::kafka::{Metrics, Options, Runtime, RuntimeError};
use rdkafka::producer::FutureRecord;
use tokio_util::sync::CancellationToken;

pub(crate) struct Broker {
    pub(crate) kafka: test_support::Broker,
    pub(crate) settings: KafkaSettings,
}

impl Broker {
    pub(crate) fn start<'t>(partitions: i32, topics: impl IntoIterator<Item = &'t str>) -> Self {
        let kafka = test_support::Broker::with_topics(partitions, topics);
        let settings = kafka.settings();
        Self { kafka, settings }
    }

    pub(crate) async fn send(&self, topic: &str, key: &str, value: &str, timestamp: i64) {
        let record = FutureRecord::to(topic).key(key).payload(value);
        self.kafka.send(record.timestamp(timestamp)).await;
    }

    /// The first records of a topic: partition, key, value and timestamp.
    pub(crate) async fn records(
        &self,
        topic: &str,
        count: usize,
    ) -> Vec<(i32, Vec<u8>, serde_json::Value, i64)> {
        let records = self.kafka.read(topic, count).await.into_iter();
        let records = records.take(count).map(|record| {
            let value = record.json();
            let key = record.key.unwrap_or_default();
            (record.partition, key, value, record.timestamp.unwrap())
        });
        records.collect()
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
        .expect("the runtime stops in time")
}
