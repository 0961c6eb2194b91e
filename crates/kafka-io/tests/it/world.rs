//! A broker, a step that can be told to fail, and a pipeline with it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use kafka_io::gate::Backoff;
use kafka_io::{
    BatchLimits, Decision, Emission, Health, KafkaSettings, Pipeline, PipelineConfig,
    PipelineError, PipelineMetrics, Record, Step, ToldOfEnds, Unavailable,
};
use prometheus_client::registry::Registry;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{Message, Offset, TopicPartitionList};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const PATIENCE: Duration = Duration::from_secs(60);

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

pub struct World {
    pub cluster: MockCluster<'static, DefaultProducerContext>,
    pub step: Echo,
}

/// Passes each value on; buries those that begin with `bad`; waits while it is `down`.
#[derive(Clone, Default)]
pub struct Echo {
    pub down: Arc<AtomicBool>,
    pub asked: Arc<AtomicUsize>,
}

impl Step for Echo {
    async fn decide<'a>(&'a self, records: &'a [Record<'a>]) -> Vec<Decision> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let decide = |record: &Record<'_>| {
            let value = record.value.unwrap_or_default();
            if self.down.load(Ordering::SeqCst) {
                Decision::Retry(Unavailable {
                    reason: "down".into(),
                    retry_after: None,
                })
            } else if value.starts_with(b"bad") {
                Decision::DeadLetter(kafka_io::Reason::new("bad"))
            } else {
                Decision::Emit(Emission {
                    value: value.to_vec().into(),
                    headers: Arc::new([]),
                })
            }
        };
        records.iter().map(decide).collect()
    }
}

/// A pipeline that runs.
pub struct Running {
    pub health: watch::Receiver<Health>,
    metrics: Registry,
    pub shutdown: CancellationToken,
    pub task: JoinHandle<Result<(), PipelineError>>,
}

impl World {
    /// A broker with the topics `in`, `out` and `in-dlq` of one partition each.
    pub fn new() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in ["in", "out", "in-dlq"] {
            cluster.create_topic(topic, 1, 1).unwrap();
        }
        Self {
            cluster,
            step: Echo::default(),
        }
    }

    pub fn kafka(&self, properties: &[&str]) -> KafkaSettings {
        let mut kafka = KafkaSettings::plain(self.cluster.bootstrap_servers());
        kafka.kafka_properties = properties
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        kafka
    }

    pub fn start(&self, properties: &[&str]) -> Running {
        let mut registry = Registry::default();
        let metrics = PipelineMetrics::register(&mut registry);
        let config = PipelineConfig {
            kafka: self.kafka(properties),
            client_id: "test".into(),
            group_id: "test".into(),
            input_topic: "in".into(),
            output_topic: "out".into(),
            batches: BatchLimits::default(),
            budget_bytes: 16 << 20,
            drain_timeout: Duration::from_secs(2),
            backoff: Backoff::default(),
        };
        let pipeline = Pipeline::new(config, metrics).unwrap();
        let shutdown = CancellationToken::new();
        Running {
            health: pipeline.health(),
            metrics: registry,
            task: tokio::spawn(pipeline.run(self.step.clone(), shutdown.clone())),
            shutdown,
        }
    }

    /// Writes one record to `in`.
    pub fn write(&self, value: &[u8]) {
        let config = self
            .kafka(&["message.max.bytes=2000000"])
            .producer("writer");
        let producer: ThreadedProducer<_> = config.create().unwrap();
        let record = BaseRecord::to("in").key("key").payload(value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(PATIENCE).unwrap();
    }

    /// The first `count` records of a topic: their values and headers.
    pub async fn read(
        &self,
        topic: &'static str,
        count: usize,
    ) -> Vec<(Option<Vec<u8>>, Option<OwnedHeaders>)> {
        let consumer: BaseConsumer<ToldOfEnds> = self
            .kafka(&[])
            .consumer_told_of_ends("reader", &[])
            .unwrap();
        let reading = tokio::task::spawn_blocking(move || {
            let mut from = TopicPartitionList::new();
            from.add_partition_offset(topic, 0, Offset::Beginning)
                .unwrap();
            consumer.assign(&from).unwrap();
            let until = std::time::Instant::now() + PATIENCE;
            let mut seen = Vec::new();
            while seen.len() < count && std::time::Instant::now() < until {
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                    let headers = message.headers().map(|headers| headers.detach());
                    seen.push((message.payload().map(<[u8]>::to_vec), headers));
                }
            }
            seen
        });
        let seen = reading.await.unwrap();
        assert_eq!(seen.len(), count, "records on `{topic}`");
        seen
    }
}

impl Running {
    pub async fn healthy(&mut self) {
        let health = self.health.clone();
        let ok = tokio::time::timeout(PATIENCE, self.health.wait_for(Result::is_ok)).await;
        assert!(ok.is_ok(), "still {:?}", *health.borrow());
    }

    pub async fn not_healthy_because(&mut self, part: &str) {
        let told = |health: &Health| health.as_ref().is_err_and(|why| why.contains(part));
        within(part, self.health.wait_for(told)).await.unwrap();
    }

    /// Waits until the metrics have a line that begins with `part`.
    pub async fn metric(&self, part: &str) {
        let mut again = tokio::time::interval(Duration::from_millis(50));
        let told = async {
            loop {
                again.tick().await;
                let mut text = String::new();
                prometheus_client::encoding::text::encode(&mut text, &self.metrics).unwrap();
                if text.lines().any(|line| line.contains(part)) {
                    return;
                }
            }
        };
        within(part, told).await;
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        within("the end", self.task).await.unwrap().unwrap();
    }
}

/// The text of one header.
pub fn header(headers: Option<&OwnedHeaders>, name: &str) -> Option<String> {
    let mut all = headers?.iter();
    let found = all.find(|header| header.key == name)?;
    Some(String::from_utf8_lossy(found.value?).into_owned())
}
