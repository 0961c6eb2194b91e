//! ksqlDB's REST API over the engine, for the `ksql` command line and other clients.
//!
//! | module | |
//! |---|---|
//! | [`server`] | binds and runs; start reading here |
//! | `endpoints` | the HTTP routes |
//! | `statements` | `POST /ksql`: checks all statements, then executes each |
//! | `query` | `POST /query` and `/query-stream`: push queries, pull queries, `PRINT` |
//! | `entities` | the JSON of responses; pure |
//! | `sql` | statements in ksqlDB's own form, as responses show them |
//! | `view` | a snapshot of the declared streams and tables and the running queries |
//! | [`topics`] | operations on topics |
//! | `properties` | which properties may be set |
//! | `token` | who may change something |
//!
//! The engine executes the queries. The crate does not depend on the pipeline.
//!
//! # Example
//!
//! ```no_run
//! # async fn example(kafka: kafka_io::KafkaSettings) -> anyhow::Result<()> {
//! use std::sync::Arc;
//!
//! use ksql_engine::kafka::{Options, Runtime};
//! use ksql_server::{Config, KafkaTopics, KsqlServer, Limits};
//! use tokio_util::sync::CancellationToken;
//!
//! let runtime = Runtime::start(kafka.clone(), Options::default()).await?;
//! let topics = Arc::new(KafkaTopics::of(&runtime)?);
//! let config = Config {
//!     listen: ([127, 0, 0, 1], 8088).into(),
//!     limits: Limits::default(),
//!     allowed_hosts: Vec::new(),
//!     token: None,
//! };
//! let server = KsqlServer::bind(config, runtime.clone(), kafka, topics).await?;
//! let shutdown = CancellationToken::new();
//! tokio::try_join!(server.run(shutdown.clone()), async { Ok(runtime.run(shutdown).await?) })?;
//! # Ok(())
//! # }
//! ```

mod commands;
mod endpoints;
mod entities;
mod error;
mod open_queries;
mod properties;
mod query;
mod request;
pub mod server;
mod sql;
mod state;
mod statements;
mod token;
pub mod topics;
mod view;

pub use server::{Config, KsqlServer, Limits};
pub use token::Token;
pub use topics::{KafkaTopics, Topic, TopicSpec, Topics, TopicsError};
