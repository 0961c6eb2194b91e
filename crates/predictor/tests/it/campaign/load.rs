//! Measurements at a steady rate, in the background.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::config::FromClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use service_runtime::CancellationToken;
use test_support::model::measurement;
use tokio::task::JoinHandle;

use super::cluster::Cluster;

/// The number of keys.
pub const KEYS: u64 = 300;

/// Record n = 0, 1, 2, … has the key n mod [`KEYS`] and the timestamp [`FIRST_MILLIS`] + n.
pub struct Load {
    sent: Arc<AtomicU64>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Load {
    pub fn start(cluster: &Cluster, per_second: u64) -> Self {
        let producer: ThreadedProducer<DefaultProducerContext> =
            ThreadedProducer::from_config(&cluster.kafka.producer("campaign")).unwrap();
        let (sent, stop) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        let topic = cluster.input.clone();
        let (counter, token) = (Arc::clone(&sent), stop.clone());
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            while !token.is_cancelled() {
                tick.tick().await;
                for _ in 0..per_second.div_ceil(100) {
                    if !send(&producer, &topic, counter.load(Ordering::Relaxed)) {
                        break;
                    }
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            }
            let flushed =
                tokio::task::spawn_blocking(move || producer.flush(Duration::from_secs(60)));
            flushed.await.unwrap().unwrap();
        });
        Self { sent, stop, task }
    }

    /// Stops; returns the number of acknowledged records.
    pub async fn stop(self) -> u64 {
        self.stop.cancel();
        self.task.await.unwrap();
        self.sent.load(Ordering::Relaxed)
    }
}

/// False if the producer's queue is full.
fn send(producer: &ThreadedProducer<DefaultProducerContext>, topic: &str, number: u64) -> bool {
    let key = (number % KEYS).to_string();
    let value = measurement(&key, 50.0);
    let record = BaseRecord::<str, str>::to(topic)
        .key(&key)
        .payload(&value)
        .timestamp(*FIRST_MILLIS + i64::try_from(number).unwrap());
    match producer.send(record) {
        Ok(()) => true,
        Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => false,
        Err((error, _)) => panic!("{error}"),
    }
}

/// The timestamp of record 0: an hour ago. Brokers delete old records and reject future ones.
pub static FIRST_MILLIS: LazyLock<i64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap() - 3_600_000
});
