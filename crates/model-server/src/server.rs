//! The service: binds, serves, follows the log of decisions, shuts down.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use service_runtime::{CancellationToken, Readiness, Tasks, UsageError, ops};
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::{Config, StoreAddress};
use crate::http::{self, Api};
use crate::life::{Life, LifeError};
use crate::metrics::Metrics;
use crate::seed;
use crate::store::{SqliteStore, Store, StoreError};
use crate::training::{Trainer, TrainingRule};
use crate::version::Version;

/// How often the log is read: another replica's decision is followed within twice this time.
const POLL: Duration = Duration::from_millis(500);

/// A model server that listens already.
#[derive(Debug)]
pub struct ModelServer {
    listener: TcpListener,
    router: Router,
    readiness: Readiness,
    life: Life,
    trainer: Trainer,
    metrics: Metrics,
    first: Arc<Version>,
}

impl ModelServer {
    /// Opens the store that the settings name, listens, and makes a model live.
    ///
    /// # Errors
    /// A [`UsageError`] for an address in use, a store that cannot be opened, a training file that
    /// makes no model, contradicting settings.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let store = open(&config.store).await?;
        Self::bind_with_store(config, store).await
    }

    /// As [`bind`](Self::bind), on a store that is open already, in the place of the one that the
    /// settings name.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub async fn bind_with_store(config: Config, store: Arc<dyn Store>) -> anyhow::Result<Self> {
        let listener = ops::listen(config.listen).await?;
        let token = config.token()?;
        if token.is_none() {
            tracing::warn!("no train token is set: POST /train and activation are open to anyone");
        }
        let first = seed::first_version(config.training_data.as_deref())?;
        let life = Life::new(store);
        let mut registry = ops::registry();
        let metrics = Metrics::register(&mut registry, life.live().clone());
        let rule = TrainingRule {
            newest: config.train_rows,
            keep_per_species: config.keep_per_species,
            row_wait: Duration::from_millis(config.row_wait_ms),
        };
        let trainer = Trainer::new(life.clone(), rule, metrics.clone());
        let api = Api::new(
            life.live().clone(),
            trainer.clone(),
            metrics.clone(),
            token.as_ref(),
        );
        let readiness = Readiness::not_yet("the store has not been read yet");
        let router = http::router(api).merge(ops::router(Arc::new(registry), readiness.clone()));
        let server = Self {
            listener,
            router,
            readiness,
            life,
            trainer,
            metrics,
            first: Arc::new(first),
        };
        establish(&server.life, &server.first)
            .await
            .context("the store cannot be used")?;
        server.readiness.set_ready();
        Ok(server)
    }

    /// The port it listens at.
    pub fn port(&self) -> u16 {
        self.listener
            .local_addr()
            .map_or(0, |address| address.port())
    }

    /// Whether it does its job; clones share the state.
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Serves until `shutdown` is cancelled, then finishes what it accepted.
    ///
    /// # Errors
    /// Where the listener fails.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(port = self.port(), "model server listens");
        let mut tasks = Tasks::new(shutdown.clone());
        tasks.spawn(
            "http",
            ops::serve(self.listener, self.router, shutdown.clone()),
        );
        tasks.spawn("follower", follow(self.life, self.metrics, shutdown));
        let ended = tasks.join().await;
        self.trainer.finish().await;
        ended
    }
}

async fn open(address: &StoreAddress) -> anyhow::Result<Arc<dyn Store>> {
    match address {
        StoreAddress::Sqlite(path) => {
            let file = path.clone();
            let store = tokio::task::spawn_blocking(move || SqliteStore::open(file)).await?;
            let store = store.map_err(|error| UsageError(format!("--store {address}: {error}")))?;
            Ok(Arc::new(store))
        }
        StoreAddress::MongoDb(_) => {
            Err(UsageError(format!("--store {address}: MongoDB is not supported yet")).into())
        }
    }
}

/// Follows the log to its end, finishes what a crash left, and makes the first version live where
/// nothing is.
async fn establish(life: &Life, first: &Version) -> Result<(), LifeError> {
    life.mend().await?;
    if life.follow().await?.champion.is_none() {
        life.introduce(first, false).await?;
        let r_squared = first.info.model.summary().r_squared;
        tracing::info!(
            version = first.info.model_version,
            formula = first.info.formula,
            rows = first.info.rows,
            r_squared = format!("{r_squared:.4}"),
            "the first model is trained"
        );
    }
    Ok(())
}

/// Follows the log until shutdown, so that what another replica makes live is live here.
async fn follow(life: Life, metrics: Metrics, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let followed: Result<_, StoreError> = life.follow().await;
        match followed {
            Ok(_) if failing => tracing::info!("the log of decisions is read again"),
            Ok(_) => {}
            Err(error) => {
                metrics.store_failures.inc();
                if !failing {
                    tracing::error!(%error, "the log of decisions cannot be read; the live model stays");
                }
                failing = true;
                continue;
            }
        }
        failing = false;
    }
}
