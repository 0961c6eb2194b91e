//! The service: wires everything together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use observer::{Cluster, GroupTopic, ModelApi, Observer, Start, StoredRows};
use prometheus_client::registry::Registry;
use report::Ledger;
use service_runtime::host::AllowedHosts;
use service_runtime::{CancellationToken, Readiness, Tasks, UsageError, ops, server};
use tokio::net::TcpListener;

use crate::collect::{Collector, WatchedPipeline, unread_topics};
use crate::config::Config;
use crate::http::{self, Actions, Login};
use crate::metrics::Metrics;
use crate::view::Renderer;

/// How long viewers have to receive the last frame when the monitor ends.
const DRAIN: Duration = Duration::from_secs(2);
/// Connections besides those of the viewers: pages, actions, metrics.
const OTHER_CONNECTIONS: usize = 256;

/// A monitor that watches a pipeline and has bound its port, but does not serve yet.
pub struct Monitor {
    listener: TcpListener,
    limits: server::Config,
    address: SocketAddr,
    tasks: Tasks,
    observer: Observer,
    renderer: Renderer,
    actions: Actions,
    login: Login,
    hosts: AllowedHosts,
    registry: Registry,
}

impl Monitor {
    /// Binds the port and starts to watch the configured pipeline, without waiting for its parts.
    ///
    /// # Errors
    /// A [`UsageError`](service_runtime::UsageError) if a setting is not valid; another error if the
    /// store cannot be opened.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let folder = config.folder.open()?;
        let rule = folder.sql(config.sql.sql.as_deref())?.trigger_rule()?;
        let groups = config.groups(&folder);
        let stored = match &config.store {
            Some(address) => {
                let store = address.open_read_only(folder.definition).await;
                let store = store.map_err(|error| UsageError(error.to_string()))?;
                Some(StoredRows::of(store))
            }
            None => None,
        };
        let mut tasks = Tasks::new(CancellationToken::new());
        // Twice as many, so that only records are evicted whose records were read first.
        let ledger = Ledger::bounded(folder.definition, 2 * config.newest as usize);
        let start = Start::Newest(config.newest);
        let pipeline = WatchedPipeline {
            observer: Observer::start(&config.kafka, ledger, start, &mut tasks)?,
            model_api: ModelApi::new(config.model_url.clone(), &config.access, folder.definition)?,
            model_url: config.model_url.clone(),
            stored,
            rule,
        };
        Self::start(config, pipeline, groups, tasks).await
    }

    /// Binds the port for a pipeline that is watched already. Uses only some settings: the address,
    /// the groups, the parts, the host names and the number of pages.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub async fn bind_watching(config: Config, pipeline: WatchedPipeline) -> anyhow::Result<Self> {
        let groups = config.lag.clone().unwrap_or_default();
        Self::start(
            config,
            pipeline,
            groups,
            Tasks::new(CancellationToken::new()),
        )
        .await
    }

    async fn start(
        config: Config,
        pipeline: WatchedPipeline,
        groups: Vec<GroupTopic>,
        tasks: Tasks,
    ) -> anyhow::Result<Self> {
        let mut registry = ops::registry();
        let metrics = Metrics::register(&mut registry, pipeline.observer.clone());
        let cluster = Cluster::new(&config.kafka, &groups)?;
        let tls = config.tls.open()?;
        #[cfg(feature = "https")]
        if let Some(tls) = &tls {
            tls.register(&mut registry);
        }
        let login = Login::new(config.page_token_file.as_ref())?;
        let collector = Collector::new(
            pipeline.clone(),
            cluster,
            config.health,
            config.ksql_url,
            &config.access.client,
        )?;
        let listener = server::listen(config.listen).await?;
        let actions = Actions::new(&pipeline.model_url, &config.access, metrics.clone())?;
        let limits = server::Config {
            tls,
            connections: usize::from(config.viewers) + OTHER_CONNECTIONS,
            drain: DRAIN,
            ..server::Config::default()
        };
        Ok(Self {
            address: listener.local_addr().context("the listener's address")?,
            listener,
            limits,
            tasks,
            observer: pipeline.observer.clone(),
            renderer: Renderer::new(pipeline, collector, metrics, config.viewers),
            actions,
            login,
            hosts: AllowedHosts::new(&config.allowed_host),
            registry,
        })
    }

    /// The port of the page.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The renderer, to refresh the page.
    pub fn renderer(&self) -> Renderer {
        self.renderer.clone()
    }

    /// Serves the page until `shutdown` is cancelled. Viewers then receive the last state.
    ///
    /// # Errors
    /// If a topic can no longer be read.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(listen = %self.address, "monitor started");
        let Self {
            listener,
            limits,
            mut tasks,
            observer,
            renderer,
            actions,
            login,
            hosts,
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
        let metrics = login.protect(ops::metrics_router(Arc::new(registry)));
        let router = http::router(renderer.clone(), actions, login, hosts)
            .merge(ops::health_router(readiness))
            .merge(metrics);
        let ended = stop.clone();
        tasks.spawn("rendering", async move {
            renderer.run(ended).await;
            Ok(())
        });
        tasks.spawn("page", server::serve_with(limits, listener, router, stop));
        tasks.join().await
    }
}

/// Ready as soon as all topics of the pipeline are read, unless Kafka refuses something.
async fn follow(
    observer: Observer,
    readiness: Readiness,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut changes = observer.changes();
    let mut started = false;
    loop {
        started = started || unread_topics(&observer).is_empty();
        if let Some(refusal) = observer.refusal() {
            // Logged by the observer.
            readiness.set_not_ready(refusal);
        } else if !started {
            let unread = unread_topics(&observer).join(", ");
            readiness.set_not_ready(format!("waiting for topics: {unread}"));
        } else if readiness.set_ready() {
            tracing::info!("ready");
        }
        tokio::select! {
            changed = changes.changed() => changed?,
            () = stop.cancelled() => return Ok(()),
        }
    }
}
