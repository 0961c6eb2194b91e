//! Code that all services of the suite share. Nothing here is specific to a pipeline or Kafka.
//!
//! | module | contents |
//! |---|---|
//! | [`cli`] | shared flags, the `healthcheck` subcommand, signals, exit codes |
//! | [`telemetry`] | structured logs on standard error |
//! | [`tasks`] | a group of tasks that fails and shuts down together |
//! | [`server`] | HTTP server with limits on connections, time and memory |
//! | [`ops`] | `/healthz`, `/readyz`, `/metrics` |
//! | [`host`] | rejects requests to unknown host names |
//! | [`origin`] | rejects requests that a browser sends for a page of another site |
//! | [`token`] | bearer tokens from files |
//! | [`background`] | a low-priority thread |
//! | [`table`] | reads CSV files that users supply |
//!
//! A binary's `main` parses its command line and calls [`cli::run`]. Its library has a type that binds
//! a port (`bind(config)`), reports the port, and runs until a [`CancellationToken`] is cancelled, so that a
//! test or a larger program can run the same service:
//!
//! ```
//! use std::sync::Arc;
//! use service_runtime::{CancellationToken, Readiness, ops, server};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> anyhow::Result<()> {
//! let listener = server::listen("127.0.0.1:0".parse()?).await?;
//! let readiness = Readiness::not_yet("connecting");
//! let router = ops::router(Arc::new(ops::registry()), readiness.clone());
//! let shutdown = CancellationToken::new();
//! let serving = tokio::spawn(server::serve(listener, router, shutdown.clone()));
//! readiness.set_ready(); // From now on `/readyz` answers 200.
//! shutdown.cancel();
//! serving.await?
//! # }
//! ```

pub mod background;
pub mod cli;
#[cfg(feature = "client")]
pub mod client;
pub mod host;
pub mod ops;
pub mod origin;
mod repeats;
pub mod server;
pub mod table;
pub mod tasks;
pub mod telemetry;
pub mod token;
mod watched;

pub use background::Background;
pub use cli::UsageError;
pub use ops::Readiness;
pub use tasks::Tasks;
pub use token::{Secret, Token};
pub use tokio_util::sync::CancellationToken;
