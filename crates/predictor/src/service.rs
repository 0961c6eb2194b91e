//! The service: pipeline, model client and endpoints.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use kafka_io::{BatchLimits, Health, Pipeline, PipelineConfig, PipelineMetrics};
use prometheus_client::registry::Registry;
use service_runtime::{CancellationToken, Readiness, Tasks, UsageError, ops, server};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::batched::Batched;
use crate::config::Config;
use crate::input::{MAX_FEATURES, Schema};
use crate::metrics::ModelMetrics;
use crate::model::Model;
use crate::per_record::PerRecord;

/// A predictor with its port and clients that does not run yet.
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
    /// Opens the port for health and metrics and creates the clients. Only [`Self::run`] waits for Kafka
    /// and the model.
    ///
    /// # Errors
    /// A [`UsageError`] if a setting is invalid.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let features = config.features();
        if features.is_empty() || features.len() > MAX_FEATURES {
            let found = features.len();
            let text = format!(
                "the model has {found} features, expected 1 to {MAX_FEATURES}: change the formula in \
                 pipeline.toml, or name the features with --feature"
            );
            return Err(UsageError(text).into());
        }
        let mut registry = ops::registry();
        let metrics = PipelineMetrics::register(&mut registry);
        let model = Model::new(
            &config.model,
            features.len(),
            ModelMetrics::register(&mut registry),
        )
        .map_err(|error| UsageError(error.to_string()))?;
        let pipeline = Pipeline::new(pipeline_config(&config), metrics.clone())
            .map_err(|error| UsageError(format!("invalid Kafka properties: {error}")))?;
        let listener = server::listen(config.listen).await?;
        Ok(Self {
            address: listener
                .local_addr()
                .context("the address of the listener")?,
            listener,
            pipeline,
            metrics,
            registry: Arc::new(registry),
            readiness: Readiness::not_yet("starting"),
            model,
            config,
        })
    }

    /// The port of health and metrics.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ready after the first assignment of partitions, while the model responds and Kafka is reachable.
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// The metrics of the pipeline.
    pub fn metrics(&self) -> PipelineMetrics {
        self.metrics.clone()
    }

    /// Predicts until `shutdown` is cancelled, then finishes the batches in progress within the drain
    /// timeout.
    ///
    /// # Errors
    /// If Kafka rejects a result permanently, or a task panics.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(
            listen = %self.address,
            input = self.config.input_topic(),
            output = self.config.output_topic(),
            group = self.config.group_id,
            "predictor starts"
        );
        let mut tasks = Tasks::new(shutdown.child_token());
        let stop = tasks.shutdown();
        // The endpoints end with the pipeline, also if it fails.
        let ended = CancellationToken::new();
        let router = ops::router(self.registry, self.readiness.clone());
        tasks.spawn(
            "health endpoint",
            server::serve(self.listener, router, ended.clone()),
        );
        let health = self.pipeline.health();
        tasks.spawn("readiness", follow(health, self.readiness, ended.clone()));

        let features = self.config.features();
        let schema = Schema::new(&features, self.config.key_field());
        let target = &self.config.definition.target().field;
        let (pipeline, model) = (self.pipeline, self.model);
        let done = ended.drop_guard();
        let per_record = self.config.model.per_record;
        let in_flight = usize::from(self.config.model.requests_in_flight);
        tasks.spawn("pipeline", async move {
            let _done = done;
            let outcome = if per_record {
                let step = PerRecord::new(schema, &features, model, target, in_flight);
                pipeline.run(step, stop).await
            } else {
                let step = Batched::new(schema, &features, model, target);
                pipeline.run(step, stop).await
            };
            Ok(outcome?)
        });
        tasks.join().await
    }
}

/// Copies the health of the pipeline to the readiness endpoint.
async fn follow(
    mut health: watch::Receiver<Health>,
    readiness: Readiness,
    ended: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let state = health.borrow_and_update().clone();
        let changed = match &state {
            Ok(()) => readiness.set_ready(),
            Err(reason) => readiness.set_not_ready(reason),
        };
        if changed && state.is_ok() {
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
    /// Small batches for single requests, because a batch waits for its slowest request.
    const MAX_SINGLE_REQUESTS: usize = 256;
    let records = usize::from(config.batch_records);
    let (input, output) = (config.input_topic(), config.output_topic());
    PipelineConfig {
        group_id: config.group_id.clone(),
        batches: BatchLimits {
            records: if config.model.per_record {
                records.min(MAX_SINGLE_REQUESTS)
            } else {
                records
            },
            time: config.batch_time,
            in_flight: usize::from(config.batches_in_flight),
            ..BatchLimits::default()
        },
        budget_bytes: usize::from(config.budget_mib) << 20,
        drain_timeout: config.drain_timeout,
        ..PipelineConfig::new(config.kafka.clone(), "predictor", input, output)
    }
}
