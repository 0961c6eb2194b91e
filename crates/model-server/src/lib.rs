//! The model over HTTP: predictions, training, versions and what is live.
//!
//! | module | what is in it |
//! |---|---|
//! | [`features`] | what the model predicts and from what: the file to change for another model |
//! | [`config`] | the settings |
//! | [`server`] | binds, serves, shuts down |
//! | [`http`] | the calls |
//! | [`training`] | which rows, one training at a time, its outcomes |
//! | [`version`] | an immutable version, named by a hash of its rows |
//! | [`decision`], [`cause`] | the entries of the append-only log |
//! | [`life`] | what is live follows from the log; the gate |
//! | [`live`] | the model that answers, read without a lock |
//! | `follow`, [`copy`] | start, polling the log, the copy for a start without the store |
//! | [`store`] | the stores: SQLite and MongoDB |
//! | [`seed`] | the first model's rows |
//! | [`metrics`] | what is counted |
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

pub mod cause;
pub mod config;
pub mod copy;
pub mod decision;
pub mod features;
mod follow;
pub mod http;
pub mod life;
pub mod live;
pub mod metrics;
pub mod seed;
pub mod server;
pub mod store;
pub mod training;
pub mod version;

pub use config::{Config, Secret, StoreAddress};
pub use server::ModelServer;
pub use store::SqliteStore;
