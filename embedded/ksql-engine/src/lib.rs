//! Executes a subset of ksqlDB's SQL on Kafka topics, with ksqlDB's semantics.
//!
//! The path of a statement:
//!
//! | step | module | |
//! |---|---|---|
//! | parse | `ksql-parser` | from text to a syntax tree |
//! | analyse | `analyse` | resolves names, checks types, refuses what ksqlDB refuses |
//! | plan | [`plan`] | what a query does, as data |
//! | execute | [`execute`] | records in, changes out; pure |
//! | run | [`kafka`], [`engine`] | on Kafka's topics, or in memory |
//!
//! [`registry`] stores what is declared and running, [`catalog`] the streams, tables and topics. The
//! crate does not depend on HTTP: `ksql-server` adds ksqlDB's REST API on top of it.
//!
//! To add a function, see [`functions`]. `analyse/typing` determines the types of operators,
//! `execute/eval.rs` evaluates them.
//!
//! # Example
//!
//! ```
//! use ksql_engine::catalog::Catalog;
//! use ksql_engine::engine::{Engine, Input};
//!
//! let mut engine = Engine::new(Catalog::new());
//! engine.execute(
//!     "CREATE STREAM S (ID VARCHAR KEY, V INT)
//!          WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');
//!      CREATE STREAM LARGE WITH (KAFKA_TOPIC='large') AS SELECT ID, V * 2 AS W FROM S WHERE V > 9;",
//! )?;
//! let processed = engine.process(Input {
//!     topic: "s".to_owned(),
//!     key: Some(b"a".to_vec()),
//!     value: Some(br#"{"V": 10}"#.to_vec()),
//!     ..Input::default()
//! });
//! assert_eq!(processed.records[0].value.as_deref(), Some(&br#"{"W":20}"#[..]));
//! # Ok::<(), ksql_parser::error::StatementError>(())
//! ```

mod analyse;
pub mod catalog;
pub mod engine;
pub mod execute;
pub mod formats;
pub mod functions;
pub mod kafka;
pub mod numbers;
pub mod plan;
pub mod registry;
pub mod schema;
pub mod settings;
pub mod types;
pub mod value;
