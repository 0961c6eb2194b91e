//! Runs Kafka Connect's sink connector files inside a process.
//!
//! It reads the same files that a real Connect worker takes and does what their options say. An
//! option, a value or a connector class that it does not support is an error at start. It supports
//! MongoDB's sink, Aiven's HTTP sink, and the options that the files in `connectors/` use; it knows
//! nothing of what the records mean.
//!
//! | module | |
//! |---|---|
//! | [`connectors`] | reads the files and runs them; start reading here |
//! | [`source`] | where a file comes from, and its shape |
//! | [`store`] | the trait behind the MongoDB sink, which the embedder implements |
//! | [`stats`] | counters and readiness |
//! | [`error`] | why a file is rejected |
//! | `resolve`, `options` | `${env:NAME}`, and typed access to options |
//! | `connector`, `converter`, `transform`, `tolerance` | what all sinks share |
//! | `sink` | one module for each connector class |
//! | `task`, `partitions`, `dead_letter`, `failure` | reading topics and delivering records |
//!
//! # Differences from a worker
//!
//! Positions are kept in memory only: at each start, every partition is read from its beginning, so
//! that a record may be delivered again but none is skipped. A connector is one task, whatever
//! `tasks.max` says, and `consumer.override.*` has no effect; both are logged.
//!
//! # Example
//!
//! ```
//! use connect_embedded::{ConnectorSource, Connectors};
//!
//! let source = ConnectorSource {
//!     origin: "calls.json".to_owned(),
//!     text: r#"{"name": "Calls", "config": {
//!         "connector.class": "io.aiven.kafka.connect.http.HttpSinkConnector",
//!         "topics": "calls",
//!         "http.url": "${env:URL}/train",
//!         "http.authorization.type": "none",
//!         "key.converter": "org.apache.kafka.connect.storage.StringConverter",
//!         "value.converter": "org.apache.kafka.connect.storage.StringConverter"
//!     }}"#.to_owned(),
//! };
//! let url = |name: &str| (name == "URL").then(|| "http://127.0.0.1:8000".to_owned());
//! let connectors = Connectors::from_sources(&[source], url)?;
//! assert_eq!(connectors.names().collect::<Vec<_>>(), ["Calls"]);
//! // Then: connectors.run(kafka, store, shutdown).await
//! # Ok::<(), connect_embedded::ConfigError>(())
//! ```

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
