//! ksqlDB's REST API over the engine: what the `ksql` command line and curl users need.
//!
//! | module | |
//! |---|---|
//! | [`server`] | binds and runs; start reading here |
//! | `endpoints` | the paths, one module per family |
//! | `statements` | `POST /ksql`: check all, then execute and answer each |
//! | `query` | `POST /query` and `/query-stream`: push queries, pull queries on streams, `PRINT` |
//! | `entities` | the JSON objects of the answers, pure |
//! | `sql` | statements written back in ksqlDB's form |
//! | `view` | what is declared and running, as the entities need it |
//! | [`topics`] | what is asked of the broker's topics |
//! | `properties` | which properties may be set |
//!
//! Whoever embeds it starts a [`Runtime`](ksql_engine::kafka::Runtime), binds a [`KsqlServer`] to it, and
//! runs both.

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
pub mod topics;
mod view;

pub use server::{Config, KsqlServer, Limits};
pub use topics::{KafkaTopics, Topic, TopicSpec, Topics, TopicsError};
