//! The service: opens the store, listens, serves, shuts down.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use model_store::{ModelRegistry, Store, StoreAddress};
use service_runtime::{CancellationToken, Readiness, Tasks, UsageError, ops, server};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::config::Config;
use crate::http::{self, Api, Tokens};
use crate::live_copy::LiveCopy;
use crate::metrics::Metrics;
use crate::seed;
use crate::store_sync::StoreSync;
use crate::training::{Refiner, Trainer};

/// How long a shutdown waits for trainings whose callers have disconnected.
const TRAINING_SHUTDOWN: Duration = Duration::from_secs(5);

/// A model server that is bound to its port.
#[derive(Debug)]
pub struct ModelServer {
    listener: TcpListener,
    limits: server::Config,
    router: Router,
    trainer: Trainer,
    models: ModelRegistry,
    refiner: Option<Refiner>,
    poll: Duration,
    store_sync: StoreSync,
}

impl ModelServer {
    /// Opens the store named in the settings, binds the port, and makes a model live.
    ///
    /// # Errors
    /// A [`UsageError`] if the address is in use, the store cannot be opened, the training file
    /// cannot be fitted, or settings contradict each other.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let store = config.store.open(config.folder.definition).await;
        let store = store.map_err(|error| UsageError(error.to_string()))?;
        Self::bind_with_store(config, store).await
    }

    /// Like [`bind`](Self::bind), but uses an open store instead of the one named in the settings.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub async fn bind_with_store(config: Config, store: Arc<dyn Store>) -> anyhow::Result<Self> {
        let listener = server::listen(config.listen).await?;
        let tls = config.tls.open()?;
        let tokens = Tokens {
            train: config.token()?,
            read: config.read_token()?,
        };
        if tokens.train.is_none() {
            tracing::warn!(
                "no train token is set: anyone may call POST /train and activate models"
            );
        }
        let definition = store.definition();
        let first = seed::first_version(&config.folder, config.training_data.as_deref())?;
        let models = ModelRegistry::new(store);
        let mut metrics_registry = ops::registry();
        let metrics = Metrics::register(&mut metrics_registry, definition, models.live().clone());
        let rule = config.training_rule();
        let trainer = Trainer::new(models.clone(), rule, metrics.clone())?;
        let first_row = first.training_rows.first();
        let api = Api::new(
            definition,
            first_row,
            models.live().clone(),
            trainer.clone(),
            metrics.clone(),
            tokens,
        );
        let readiness = Readiness::not_yet("the store has not been read yet");
        #[cfg(feature = "https")]
        if let Some(tls) = &tls {
            tls.register(&mut metrics_registry);
        }
        let health = ops::health_router(readiness.clone());
        let metrics_route = ops::metrics_router(Arc::new(metrics_registry));
        let router = http::router(api, health, metrics_route, first_row)?;
        let copy = match &config.store {
            StoreAddress::MongoDb(_) => Some(LiveCopy::at(config.live_copy)),
            // SQLite is a local file already.
            StoreAddress::Sqlite(_) => None,
        };
        let refine_at = config.refine.refine_at;
        let refiner = (!refine_at.is_never()).then(|| Refiner::new(refine_at));
        let mut store_sync = StoreSync::new(
            models.clone(),
            first,
            copy,
            readiness,
            metrics,
            config.store_poll,
        );
        store_sync
            .start()
            .await
            .context("the store cannot be used")?;
        Ok(Self {
            listener,
            limits: server::Config {
                tls,
                ..server::Config::default()
            },
            router,
            trainer,
            models,
            refiner,
            poll: config.store_poll,
            store_sync,
        })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.listener
            .local_addr()
            .map_or(0, |address| address.port())
    }

    /// Whether the server is ready. Clones share the state.
    pub fn readiness(&self) -> Readiness {
        self.store_sync.readiness.clone()
    }

    /// Serves until `shutdown` is cancelled. Then finishes accepted requests within ten seconds, and
    /// trainings whose callers have disconnected within five.
    ///
    /// # Errors
    /// A task panicked. Failures to accept a connection or to reach the store are logged instead.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(port = self.port(), "model server listens");
        let mut tasks = Tasks::new(shutdown.clone());
        tasks.spawn(
            "http",
            server::serve_with(self.limits, self.listener, self.router, shutdown.clone()),
        );
        if let Some(refiner) = self.refiner {
            let (models, trainer) = (self.models, self.trainer.clone());
            let refining = refiner.run(models, trainer, self.poll, shutdown.clone());
            tasks.spawn("refinements", refining);
        }
        tasks.spawn("store sync", self.store_sync.run(shutdown));
        let outcome = tasks.join().await;
        if timeout(TRAINING_SHUTDOWN, self.trainer.finish())
            .await
            .is_err()
        {
            tracing::warn!(
                "shutdown before a training finished: the next start decides on its version"
            );
        }
        outcome
    }
}
