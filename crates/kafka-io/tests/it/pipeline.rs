//! A pipeline on an embedded broker, with a step that a test can make fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kafka_io::{
    Decision, Emission, Health, Pipeline, PipelineConfig, PipelineError, PipelineMetrics, Reason,
    Record, Step, Unavailable,
};
use prometheus_client::registry::Registry;
use rdkafka::producer::FutureRecord;
use test_support::{Broker, eventually, within};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// Copies values; dead-letters those that begin with `bad`; retries while it is `down`.
#[derive(Clone, Default)]
struct Echo {
    down: Arc<AtomicBool>,
}

impl Step for Echo {
    async fn decide<'a>(&'a self, records: &'a [Record<'a>]) -> Vec<Decision> {
        let decide = |record: &Record<'_>| {
            let value = record.value.unwrap_or_default();
            if self.down.load(Ordering::SeqCst) {
                Decision::Retry(Unavailable {
                    reason: "down".into(),
                    retry_after: None,
                })
            } else if value.starts_with(b"bad") {
                Decision::DeadLetter(Reason::new("bad"))
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

/// A running pipeline from `in` to `out`.
pub struct Running {
    pub broker: Broker,
    pub task: JoinHandle<Result<(), PipelineError>>,
    pub health: watch::Receiver<Health>,
    pub shutdown: CancellationToken,
    metrics: Registry,
    step: Echo,
}

impl Running {
    /// Starts a broker and a healthy pipeline with these Kafka properties.
    pub async fn start(properties: &[&str]) -> Self {
        let broker = Broker::with_topics(1, ["in", "out", "in-dlq"]);
        let mut kafka = broker.settings();
        for property in properties {
            kafka.kafka_properties.push(property.parse().unwrap());
        }
        let mut metrics = Registry::default();
        let config = PipelineConfig {
            drain_timeout: DRAIN_TIMEOUT,
            ..PipelineConfig::new(kafka, "test", "in", "out")
        };
        let pipeline = Pipeline::new(config, PipelineMetrics::register(&mut metrics)).unwrap();
        let (step, shutdown) = (Echo::default(), CancellationToken::new());
        let mut running = Self {
            broker,
            health: pipeline.health(),
            metrics,
            task: tokio::spawn(pipeline.run(step.clone(), shutdown.clone())),
            shutdown,
            step,
        };
        running.healthy().await;
        running
    }

    /// Makes the step fail, or work again.
    pub fn set_down(&self, down: bool) {
        self.step.down.store(down, Ordering::SeqCst);
    }

    /// Writes one record to `in`.
    pub async fn write(&self, value: &[u8]) {
        let record = FutureRecord::to("in").key("key").payload(value);
        self.broker.send(record).await;
    }

    pub async fn healthy(&mut self) {
        let healthy = self.health.wait_for(Result::is_ok);
        within("the pipeline is healthy", healthy).await.unwrap();
    }

    pub async fn unhealthy_because(&mut self, part: &str) {
        let reason = |health: &Health| health.as_ref().is_err_and(|why| why.contains(part));
        within(part, self.health.wait_for(reason)).await.unwrap();
    }

    /// Waits for a line of the metrics that contains `part`.
    pub async fn metric(&self, part: &str) {
        eventually(part, async || {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &self.metrics).unwrap();
            text.lines().any(|line| line.contains(part))
        })
        .await;
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        within("the pipeline stops", self.task)
            .await
            .unwrap()
            .unwrap();
    }
}
