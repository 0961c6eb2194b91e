//! Runs Kafka Connect's sink connector files inside a process.
//!
//! It reads the files that are put to a real Connect worker and does what their options say. An
//! option, a value or a connector class that it cannot honour is an error at start that names it:
//! what it accepts, it does. It knows no fish.
//!
//! | module | what is in it |
//! |---|---|
//! | [`connectors`] | reading the files and running them |
//! | [`source`] | where a file comes from, and its shape |
//! | [`store`] | the trait behind the MongoDB sink: what the embedder implements |
//! | [`stats`] | counters and readiness, for metrics and reports |
//! | [`error`] | why a file is refused |
//! | `resolve`, `options` | `${env:NAME}`, and typed options of which none is overlooked |
//! | `connector`, `converter`, `transform`, `tolerance` | what is common to all sinks |
//! | `sink` | one module for each connector class |
//! | `task`, `partitions`, `dead_letter`, `failure` | reading a topic and handing its records to the sink |
//!
//! # How it differs from a worker
//!
//! Positions are kept in memory: every partition is read from its beginning when the process
//! starts (at least once; nothing is skipped), as befits a broker that lives in the same process.
//! A connector is one task, whatever `tasks.max` says, and `consumer.override.*` is without effect;
//! both are logged.

mod connector;
pub mod connectors;
mod converter;
mod dead_letter;
pub mod error;
mod failure;
mod options;
mod partitions;
mod resolve;
mod sink;
pub mod source;
pub mod stats;
pub mod store;
mod task;
mod tolerance;
mod transform;

pub use connectors::Connectors;
pub use error::ConfigError;
pub use source::ConnectorSource;
pub use stats::{Outcome, Stats};
pub use store::{DocumentStore, StoreError};
