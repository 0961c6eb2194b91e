//! The service: binds, serves, follows the log of decisions, shuts down.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use service_runtime::{CancellationToken, Readiness, Tasks, UsageError, ops, server};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::config::{Config, StoreAddress};
use crate::copy::LiveCopy;
use crate::follow::{Fault, Follower};
use crate::http::{self, Api};
use crate::life::Life;
use crate::metrics::Metrics;
use crate::seed;
use crate::store::{SqliteStore, Store, StoreError};
use crate::training::{Trainer, TrainingRule};

/// How long a shutdown waits for trainings that no request waits for any more.
const FINISH: Duration = Duration::from_secs(5);

/// A model server that listens already.
#[derive(Debug)]
pub struct ModelServer {
    listener: TcpListener,
    router: Router,
    trainer: Trainer,
    follower: Follower,
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
        let listener = server::listen(config.listen).await?;
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
            keep_versions: config.keep_versions,
        };
        let trainer = Trainer::new(life.clone(), rule, metrics.clone())?;
        let api = Api::new(
            life.live().clone(),
            trainer.clone(),
            metrics.clone(),
            token.as_ref(),
        );
        let readiness = Readiness::not_yet("the store has not been read yet");
        let operations = ops::router(Arc::new(registry), readiness.clone());
        let router = http::router(api, operations)?;
        let copy = match &config.store {
            StoreAddress::MongoDb(_) => Some(LiveCopy::at(config.live_copy)),
            // A file needs no second file.
            StoreAddress::Sqlite(_) => None,
        };
        let mut follower = Follower {
            life,
            first,
            copy,
            readiness,
            metrics,
            established: false,
            copied: None,
            store_fault: Fault::default(),
            copy_fault: Fault::default(),
        };
        follower.start().await.context("the store cannot be used")?;
        Ok(Self {
            listener,
            router,
            trainer,
            follower,
        })
    }

    /// The port it listens at.
    pub fn port(&self) -> u16 {
        self.listener
            .local_addr()
            .map_or(0, |address| address.port())
    }

    /// Whether it does its job; clones share the state.
    pub fn readiness(&self) -> Readiness {
        self.follower.readiness.clone()
    }

    /// Serves until `shutdown` is cancelled, then finishes what it accepted: requests for ten
    /// seconds at most, then trainings whose callers hung up for five.
    ///
    /// # Errors
    /// Where a task panics. A connection that cannot be accepted and a store that is lost are logged.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(port = self.port(), "model server listens");
        let mut tasks = Tasks::new(shutdown.clone());
        tasks.spawn(
            "http",
            server::serve(self.listener, self.router, shutdown.clone()),
        );
        tasks.spawn("follower", self.follower.run(shutdown));
        let ended = tasks.join().await;
        if timeout(FINISH, self.trainer.finish()).await.is_err() {
            tracing::warn!(
                "a training is cut off by the shutdown; the next start decides on its version"
            );
        }
        ended
    }
}

/// The store at an address, made where there is none.
///
/// # Errors
/// A [`UsageError`] where it cannot be opened, or the address is wrong. A server that is down is
/// no error here, but of the first call.
pub async fn open(address: &StoreAddress) -> anyhow::Result<Arc<dyn Store>> {
    opened(address, SqliteStore::open).await
}

/// The store at an address, for a program that only reads: nothing is made, so that a mistyped path
/// is an error and no new file.
///
/// # Errors
/// As [`open`]; a [`UsageError`] too where there is no file, or another than a store's.
pub async fn open_to_read(address: &StoreAddress) -> anyhow::Result<Arc<dyn Store>> {
    opened(address, SqliteStore::open_to_read).await
}

async fn opened(
    address: &StoreAddress,
    open: fn(PathBuf) -> Result<SqliteStore, StoreError>,
) -> anyhow::Result<Arc<dyn Store>> {
    match address {
        StoreAddress::Sqlite(path) => {
            let file = path.clone();
            let store = tokio::task::spawn_blocking(move || open(file)).await?;
            let store = store.map_err(|error| UsageError(format!("--store {address}: {error}")))?;
            Ok(Arc::new(store))
        }
        #[cfg(feature = "mongodb")]
        StoreAddress::MongoDb(uri) => {
            let store = crate::store::MongoStore::at(uri).await;
            Ok(Arc::new(store.map_err(|error| {
                UsageError(format!("--store {address}: {error}"))
            })?))
        }
        #[cfg(not(feature = "mongodb"))]
        StoreAddress::MongoDb(_) => Err(UsageError(format!(
            "--store {address}: this build knows SQLite only; build with --features mongodb"
        ))
        .into()),
    }
}
