//! The service: everything wired together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use observer::{Cluster, ModelApi, Observer, Start, StoredRows};
use pipeline::TriggerRule;
use prometheus_client::registry::Registry;
use report::Ledger;
use service_runtime::{CancellationToken, Readiness, Tasks, ops, server};
use tokio::net::TcpListener;

use crate::config::Config;
use crate::http;
use crate::looks::Looks;
use crate::metrics::Metrics;
use crate::outside::{Asker, unread};

/// How long pages have to take the last state when the monitor ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// Connections besides those of the pages that are open: first answers, actions, metrics.
const OTHER_CONNECTIONS: usize = 256;

/// A pipeline that is watched.
#[derive(Clone, Debug)]
pub struct Watching {
    /// What is on the topics.
    pub observer: Observer,
    /// The model API.
    pub model_api: ModelApi,
    /// Where it is.
    pub model_url: String,
    /// The training data, where it is looked at.
    pub stored: Option<StoredRows>,
    /// When the SQL triggers a retraining.
    pub rule: TriggerRule,
}

/// A monitor that has its port and watches, and serves nothing yet.
pub struct Monitor {
    listener: TcpListener,
    limits: server::Config,
    address: SocketAddr,
    tasks: Tasks,
    observer: Observer,
    looks: Looks,
    actions: http::Actions,
    names: http::Names,
    registry: Registry,
}

impl Monitor {
    /// Listens, and begins to watch the pipeline that the settings name. It waits for no part of it.
    ///
    /// # Errors
    /// A [`UsageError`](service_runtime::UsageError) where a setting cannot be used; any other error
    /// where the store cannot be opened.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let rule = config.sql.read()?.trigger_rule()?;
        let stored = match &config.store {
            Some(address) => {
                let store = model_server::server::open_to_read(address).await?;
                Some(StoredRows::of(store))
            }
            None => None,
        };
        let mut tasks = Tasks::new(CancellationToken::new());
        // Twice as many, so that the first fish to be forgotten are those seen first.
        let ledger = Ledger::bounded(2 * config.newest as usize);
        let start = Start::Newest(config.newest);
        let watching = Watching {
            observer: Observer::start(&config.kafka, ledger, start, &mut tasks)?,
            model_api: ModelApi::new(config.model_url.clone())?,
            model_url: config.model_url.clone(),
            stored,
            rule,
        };
        Self::start(config, watching, tasks).await
    }

    /// Listens, for a pipeline that is watched already; of the settings only the address, the groups,
    /// the parts and the number of pages count.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub async fn bind_watching(config: Config, watching: Watching) -> anyhow::Result<Self> {
        Self::start(config, watching, Tasks::new(CancellationToken::new())).await
    }

    async fn start(config: Config, watching: Watching, tasks: Tasks) -> anyhow::Result<Self> {
        let mut registry = ops::registry();
        let metrics = Metrics::register(&mut registry, watching.observer.clone());
        let cluster = Cluster::new(&config.kafka, &config.lag)?;
        let asker = Asker::new(watching.clone(), cluster, config.health, config.ksql_url)?;
        let listener = server::listen(config.listen).await?;
        let actions = http::Actions::new(&watching.model_url, metrics.clone())?;
        let limits = server::Config {
            connections: usize::from(config.viewers) + OTHER_CONNECTIONS,
            drain: FAREWELL,
            ..server::Config::default()
        };
        Ok(Self {
            address: listener.local_addr().context("the listener's address")?,
            listener,
            limits,
            tasks,
            observer: watching.observer.clone(),
            looks: Looks::new(watching, asker, metrics, config.viewers),
            actions,
            names: http::Names::new(&config.allowed_host),
            registry,
        })
    }

    /// The port where the page is served.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Everybody who looks.
    pub fn looks(&self) -> Looks {
        self.looks.clone()
    }

    /// Serves the page until `shutdown` is cancelled, then gives those who look the last state.
    ///
    /// # Errors
    /// Where a topic cannot be read for good.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(listen = %self.address, "monitor starts");
        let Self {
            listener,
            limits,
            mut tasks,
            observer,
            looks,
            actions,
            names,
            registry,
            ..
        } = self;
        let stop = tasks.shutdown();
        let (stopping, own) = (stop.clone(), stop.clone());
        tasks.spawn("shutdown", async move {
            tokio::select! {
                () = shutdown.cancelled() => stopping.cancel(),
                () = own.cancelled() => {}
            }
            Ok(())
        });
        let readiness = Readiness::not_yet("waiting for Kafka");
        tasks.spawn(
            "readiness",
            follow(observer, readiness.clone(), stop.clone()),
        );
        let router = http::router(looks.clone(), actions, names)
            .merge(ops::router(Arc::new(registry), readiness));
        let ended = stop.clone();
        tasks.spawn("rendering", async move {
            looks.run(ended).await;
            Ok(())
        });
        tasks.spawn("page", server::serve_with(limits, listener, router, stop));
        tasks.join().await
    }
}

/// Ready when every topic of the pipeline is read.
async fn follow(
    observer: Observer,
    readiness: Readiness,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut changes = observer.changes();
    loop {
        let unread = unread(&observer);
        if unread.is_empty() {
            readiness.set_ready();
            tracing::info!("ready");
            return Ok(());
        }
        readiness.set_not_ready(format!("waiting for the topics {}", unread.join(", ")));
        tokio::select! {
            changed = changes.changed() => changed?,
            () = stop.cancelled() => return Ok(()),
        }
    }
}
