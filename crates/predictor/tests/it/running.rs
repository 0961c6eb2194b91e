//! A predictor on an embedded broker.

use kafka_io::KafkaSettings;
use pipeline::Definition;
use predictor::{Config, Predictor};
use service_runtime::{CancellationToken, Readiness};
use test_support::{Broker, eventually_some, within};
use tokio::task::JoinHandle;

/// A broker with the topics `in`, `out` and `in-dlq` of three partitions each.
pub fn broker() -> Broker {
    Broker::with_topics(3, ["in", "out", "in-dlq"])
}

/// How a predictor reaches the broker. Its session is short, because the mock cluster starts a rebalance one
/// second before the session of a member that left ends.
pub fn kafka(broker: &Broker) -> KafkaSettings {
    let mut kafka = broker.settings();
    for property in ["session.timeout.ms=1500", "heartbeat.interval.ms=300"] {
        kafka.kafka_properties.push(property.parse().unwrap());
    }
    kafka
}

/// Settings for a predictor from `in` to `out` with the model at `url`.
pub fn config(broker: &Broker, url: &str) -> Config {
    let kafka = kafka(broker);
    Config {
        input_topic: Some("in".into()),
        output_topic: Some("out".into()),
        ..Config::new(Definition::shipped(), kafka, url)
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
        within("the predictor is ready", self.readiness.ready()).await;
    }

    /// Waits until it is not ready for a reason that contains `part`.
    pub async fn not_ready_because(&self, part: &str) -> String {
        eventually_some("the predictor is not ready", async || {
            let reason = self.readiness.state().err();
            reason.filter(|reason| reason.contains(part))
        })
        .await
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        within("the shutdown", self.task).await.unwrap().unwrap();
    }
}
