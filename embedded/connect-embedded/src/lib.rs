//! Runs Kafka Connect's sink connector files inside a process.
//!
//! It reads the same files as a real Connect worker and follows their options. An unsupported option,
//! value or connector class is an error at start. It supports MongoDB's sink, Aiven's HTTP sink, and the
//! options that the files in `connectors/` use. It does not interpret the contents of records.
//!
//! | module | |
//! |---|---|
//! | [`connectors`] | reads the files and runs them; start reading here |
//! | [`source`] | connector files and their shape |
//! | [`store`] | the trait behind the MongoDB sink, which the embedder implements |
//! | [`stats`] | counters and readiness |
//! | [`error`] | why a file is rejected |
//! | `resolve`, `options` | `${env:NAME}`, and typed access to options |
//! | `connector`, `converter`, `transform`, `tolerance` | options that all sinks share |
//! | `sink` | one module for each connector class |
//! | `task`, `partitions`, `dead_letter`, `failure` | reading topics and delivering records |
//!
//! # Differences from a worker
//!
//! Offsets are stored only in memory: at each start, every partition is read from its beginning. A
//! record may be delivered again, but none is skipped. A connector always has one task, regardless of
//! `tasks.max`, and `consumer.override.*` has no effect. Both are logged.
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
