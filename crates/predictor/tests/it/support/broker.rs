//! A broker in this process, and a predictor on it.

use kafka_io::KafkaSettings;
use predictor::{Config, Predictor};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use service_runtime::{CancellationToken, Readiness};
use tokio::task::JoinHandle;

use super::{eventually, within};

pub struct Broker {
    _cluster: MockCluster<'static, DefaultProducerContext>,
    pub kafka: KafkaSettings,
}

impl Broker {
    /// A broker with the topics `in`, `out` and `in-dlq` of three partitions each.
    pub fn start() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in ["in", "out", "in-dlq"] {
            cluster.create_topic(topic, 3, 1).unwrap();
        }
        Self {
            kafka: KafkaSettings::plain(cluster.bootstrap_servers()),
            _cluster: cluster,
        }
    }

    /// Settings for a predictor from `in` to `out` that asks the model at `url`.
    pub fn config(&self, url: &str) -> Config {
        Config {
            input_topic: "in".into(),
            output_topic: "out".into(),
            ..Config::new(self.kafka.clone(), url)
        }
    }
}

/// A running predictor.
pub struct Running {
    pub port: u16,
    pub readiness: Readiness,
    pub metrics: kafka_io::PipelineMetrics,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    pub async fn start(config: Config) -> Self {
        let predictor = Predictor::bind(config).await.unwrap();
        let shutdown = CancellationToken::new();
        Self {
            port: predictor.port(),
            readiness: predictor.readiness(),
            metrics: predictor.metrics(),
            task: tokio::spawn(predictor.run(shutdown.clone())),
            shutdown,
        }
    }

    pub async fn ready(&self) {
        within("being ready", self.readiness.ready()).await;
    }

    /// Waits until it is not ready for a reason with `part` in it.
    pub async fn not_ready_because(&self, part: &str) -> String {
        eventually("being not ready", || {
            self.readiness
                .state()
                .err()
                .filter(|reason| reason.contains(part))
        })
        .await
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        within("the shutdown", self.task).await.unwrap().unwrap();
    }
}
