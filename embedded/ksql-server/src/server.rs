//! The server: binds, serves, shuts down.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use kafka_io::KafkaSettings;
use service_runtime::{ops, server};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::commands::Commands;
use crate::endpoints;
use crate::open_queries::OpenQueries;
use crate::state::State;
use crate::topics::Topics;
use ksql_engine::kafka::Runtime;

/// A query's reader may pause for so long, with a full connection, before it is given up.
const SLOW_READER: Duration = Duration::from_secs(600);

/// Where the server listens, and how much it takes.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen at; port 0: any free one.
    pub listen: SocketAddr,
    /// Bounds.
    pub limits: Limits,
}

/// Bounds of what clients may ask for.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest request body, in bytes; a statement is no longer either.
    pub body_bytes: usize,
    /// The most statements in one request.
    pub statements: usize,
    /// The most queries that may be open at once, `PRINT` included.
    pub open_queries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            statements: 1_000,
            open_queries: 100,
        }
    }
}

/// A server that listens already.
#[derive(Debug)]
pub struct KsqlServer {
    listener: TcpListener,
    router: Router,
    streams: CancellationToken,
}

impl KsqlServer {
    /// Listens. `runtime` is what it serves, on the broker that `kafka` reaches; what was declared
    /// there before is shown too.
    ///
    /// # Errors
    /// A [`UsageError`](service_runtime::UsageError) for an address in use; a broker that does not
    /// answer.
    pub async fn bind(
        config: Config,
        runtime: Runtime,
        kafka: KafkaSettings,
        topics: Arc<dyn Topics>,
    ) -> anyhow::Result<Self> {
        let listener = server::listen(config.listen).await?;
        let host = listener
            .local_addr()
            .context("the address is not known")?
            .to_string();
        let cluster_id = topics.cluster_id().await?;
        let streams = CancellationToken::new();
        let mut registry = ops::registry();
        runtime.metrics().register(&mut registry);
        let state = State {
            runtime,
            kafka,
            topics,
            room: Arc::new(Semaphore::new(config.limits.open_queries)),
            limits: config.limits,
            host,
            cluster_id,
            executing: tokio::sync::Mutex::default(),
            commands: Mutex::<Commands>::default(),
            open: OpenQueries::default(),
            shutdown: streams.clone(),
        };
        Ok(Self {
            listener,
            router: endpoints::router(Arc::new(state))
                .merge(ops::metrics_router(Arc::new(registry))),
            streams,
        })
    }

    /// The port it listens at.
    pub fn port(&self) -> u16 {
        self.listener
            .local_addr()
            .map_or(0, |address| address.port())
    }

    /// Serves until `shutdown` is cancelled; then open queries end, and what was accepted is
    /// finished. The runtime goes on: its queries are its owner's.
    ///
    /// # Errors
    /// None: a connection that cannot be accepted is logged.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(port = self.port(), "ksqlDB's REST API is served");
        let (streams, stop) = (self.streams, shutdown.clone());
        // Open queries would keep the server from ending.
        let ends = tokio::spawn(async move {
            stop.cancelled().await;
            streams.cancel();
        });
        let settings = server::Config {
            // The stock clients for Python and Java speak it.
            http2: true,
            write: SLOW_READER,
            ..server::Config::default()
        };
        let served = server::serve_with(settings, self.listener, self.router, shutdown).await;
        ends.abort();
        served
    }
}
