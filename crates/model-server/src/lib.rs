//! Serves the model over HTTP: predictions, training, and the history of model versions.
//!
//! The versions themselves, the decision log, and the rule for which version is live are in
//! `model-store`. This crate fits models and serves HTTP. It does not use Kafka: rows arrive in the
//! store, and triggers arrive as calls to `POST /train`.
//!
//! | module | contents |
//! |---|---|
//! | [`config`] | the settings |
//! | [`server`] | binding, serving, shutdown |
//! | [`answer`] | what the model answers for one record |
//! | [`http`] | the routes |
//! | [`training`] | selecting rows, fitting, one training at a time |
//! | [`seed`] | the training rows of the first model |
//! | `store_sync`, [`live_copy`] | start-up, reading the decision log, the local copy of the live model |
//! | [`metrics`] | the metrics |
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use model_server::{Config, ModelServer};
//! use service_runtime::CancellationToken;
//!
//! let server = ModelServer::bind(Config::default()).await?;
//! println!("http://127.0.0.1:{}/prediction", server.port());
//! server.run(CancellationToken::new()).await
//! # }
//! ```

pub mod answer;
pub mod config;
pub mod http;
pub mod live_copy;
pub mod metrics;
pub mod seed;
pub mod server;
mod store_sync;
pub mod training;

pub use config::Config;
pub use server::ModelServer;
pub use service_runtime::Secret;
