//! The service: everything wired together.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use kafka_io::gate::Backoff;
use kafka_io::{BatchLimits, Health, Pipeline, PipelineConfig, PipelineMetrics};
use prometheus_client::registry::Registry;
use service_runtime::{CancellationToken, Readiness, Tasks, UsageError, ops, server};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::batched::Batched;
use crate::config::Config;
use crate::input::{MOST_FEATURES, Schema};
use crate::metrics::ModelMetrics;
use crate::model::Model;
use crate::per_record::PerRecord;

/// A predictor that has its port and its clients, and is not running yet.
pub struct Predictor {
    listener: TcpListener,
    address: SocketAddr,
    pipeline: Pipeline,
    metrics: PipelineMetrics,
    registry: Arc<Registry>,
    readiness: Readiness,
    model: Model,
    config: Config,
}

impl Predictor {
    /// Listens for health and metrics, and makes the clients. It waits neither for Kafka nor for
    /// the model: [`Self::run`] does.
    ///
    /// # Errors
    /// A [`UsageError`] where a setting cannot be used.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let features = config.model.features.len();
        if features == 0 || features > MOST_FEATURES {
            let text = format!("--feature: 1 to {MOST_FEATURES} are needed, not {features}");
            return Err(UsageError(text).into());
        }
        #[cfg(feature = "model-tls")]
        crate::tls::install_provider();

        let mut registry = ops::registry();
        let metrics = PipelineMetrics::register(&mut registry);
        let model = Model::new(&config.model, ModelMetrics::register(&mut registry))
            .map_err(|error| UsageError(error.to_string()))?;
        let pipeline = Pipeline::new(pipeline_config(&config), metrics.clone())
            .map_err(|error| UsageError(format!("--kafka-property: {error}")))?;
        let listener = server::listen(config.listen).await?;
        Ok(Self {
            address: listener.local_addr().context("the listener's address")?,
            listener,
            pipeline,
            metrics,
            registry: Arc::new(registry),
            readiness: Readiness::not_yet("starting"),
            model,
            config,
        })
    }

    /// The port where health and metrics are served.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Whether predictions flow: true from the group's first assignment on, while the model
    /// answers and Kafka can be reached.
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// What the predictor counts and measures.
    pub fn metrics(&self) -> PipelineMetrics {
        self.metrics.clone()
    }

    /// Predicts until `shutdown` is cancelled, then finishes what is under way.
    ///
    /// # Errors
    /// Where Kafka refuses a result for good, or a task panics.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(
            listen = %self.address,
            input = self.config.input_topic,
            output = self.config.output_topic,
            group = self.config.group_id,
            "predictor starts"
        );
        let mut tasks = Tasks::new(shutdown.child_token());
        let stop = tasks.shutdown();
        // The endpoints and the readiness end with the pipeline, whichever way that ends.
        let ended = CancellationToken::new();
        let router = ops::router(self.registry, self.readiness.clone());
        tasks.spawn(
            "health endpoint",
            server::serve(self.listener, router, ended.clone()),
        );
        let health = self.pipeline.health();
        tasks.spawn("readiness", follow(health, self.readiness, ended.clone()));

        let schema = Schema::new(&self.config.model.features, &self.config.key_field);
        let features = self.config.model.features;
        let (pipeline, model) = (self.pipeline, self.model);
        let done = ended.drop_guard();
        if self.config.model.per_record {
            let in_flight = usize::from(self.config.model.requests_in_flight);
            let step = PerRecord::new(schema, &features, model, in_flight);
            tasks.spawn("pipeline", async move {
                let _done = done;
                Ok(pipeline.run(step, stop).await?)
            });
        } else {
            let step = Batched::new(schema, &features, model);
            tasks.spawn("pipeline", async move {
                let _done = done;
                Ok(pipeline.run(step, stop).await?)
            });
        }
        tasks.join().await
    }
}

/// Tells the readiness endpoint what the pipeline says of itself.
async fn follow(
    mut health: watch::Receiver<Health>,
    readiness: Readiness,
    ended: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let state = health.borrow_and_update().clone();
        let news = match &state {
            Ok(()) => readiness.set_ready(),
            Err(reason) => readiness.set_not_ready(reason),
        };
        if news && state.is_ok() {
            tracing::info!("ready");
        }
        let changed = tokio::select! {
            changed = health.changed() => changed.is_ok(),
            () = ended.cancelled() => false,
        };
        if !changed {
            readiness.set_not_ready("stopped");
            return Ok(());
        }
    }
}

fn pipeline_config(config: &Config) -> PipelineConfig {
    /// A batch of single requests is kept small, so that its results do not wait for each other.
    const MOST_SINGLE_REQUESTS: usize = 256;
    let records = usize::from(config.batch_records);
    PipelineConfig {
        kafka: config.kafka.clone(),
        client_id: "predictor".to_owned(),
        group_id: config.group_id.clone(),
        input_topic: config.input_topic.clone(),
        output_topic: config.output_topic.clone(),
        batches: BatchLimits {
            records: if config.model.per_record {
                records.min(MOST_SINGLE_REQUESTS)
            } else {
                records
            },
            time: config.batch_time,
            in_flight: usize::from(config.batches_in_flight),
            ..BatchLimits::default()
        },
        budget_bytes: usize::from(config.budget_mib) << 20,
        drain_timeout: config.drain_timeout,
        backoff: Backoff::default(),
    }
}
