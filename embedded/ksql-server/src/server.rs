//! Binds, serves and shuts down.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use kafka_io::KafkaSettings;
use service_runtime::host::AllowedHosts;
use service_runtime::{ops, server};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::commands::Commands;
use crate::endpoints;
use crate::open_queries::OpenQueries;
use crate::state::State;
use crate::token::Token;
use crate::topics::Topics;
use ksql_engine::kafka::Runtime;

/// How long a client may stop reading a query before its connection is closed.
const SLOW_READER: Duration = Duration::from_secs(600);

/// The address and the limits of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on; port 0: any free port.
    pub listen: SocketAddr,
    /// Limits.
    pub limits: Limits,
    /// Host names to answer to, besides addresses and `localhost`.
    pub allowed_hosts: Vec<String>,
    /// The token that statements need if they change something; `None`: anyone may.
    pub token: Option<Token>,
}

/// Limits for clients.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub body_bytes: usize,
    /// The most statements in one request.
    pub statements: usize,
    /// The most open queries, `PRINT` included.
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

/// A listening server.
#[derive(Debug)]
pub struct KsqlServer {
    listener: TcpListener,
    router: Router,
    streams: CancellationToken,
}

impl KsqlServer {
    /// Listens on the address. `kafka` must reach the broker of `runtime`.
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
            .context("the local address is unknown")?
            .to_string();
        let cluster_id = topics.cluster_id().await?;
        let hosts = AllowedHosts::new(&config.allowed_hosts);
        let streams = CancellationToken::new();
        let mut registry = ops::registry();
        runtime.metrics().register(&mut registry);
        let state = State {
            runtime,
            kafka,
            topics,
            query_slots: Arc::new(Semaphore::new(config.limits.open_queries)),
            limits: config.limits,
            token: config.token,
            host,
            cluster_id,
            executing: tokio::sync::Mutex::default(),
            commands: Mutex::<Commands>::default(),
            open: OpenQueries::default(),
            shutdown: streams.clone(),
        };
        Ok(Self {
            listener,
            router: endpoints::router(Arc::new(state), hosts)
                .merge(ops::metrics_router(Arc::new(registry))),
            streams,
        })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.listener
            .local_addr()
            .map_or(0, |address| address.port())
    }

    /// Serves until `shutdown` is cancelled. Then it ends open queries and finishes accepted requests.
    /// The runtime keeps running.
    ///
    /// # Errors
    /// None: connection errors are logged.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(port = self.port(), "serving ksqlDB's REST API");
        let (streams, stop) = (self.streams, shutdown.clone());
        // Open queries would keep the server from stopping.
        let ending = tokio::spawn(async move {
            stop.cancelled().await;
            streams.cancel();
        });
        let settings = server::Config {
            // ksqlDB's clients for Python and Java use HTTP/2.
            http2: true,
            write: SLOW_READER,
            ..server::Config::default()
        };
        let served = server::serve_with(settings, self.listener, self.router, shutdown).await;
        ending.abort();
        served
    }
}
