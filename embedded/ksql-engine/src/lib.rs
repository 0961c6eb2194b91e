//! Executes a subset of ksqlDB's SQL on Kafka topics, with ksqlDB's semantics.
//!
//! A statement goes this way:
//!
//! | step | module | |
//! |---|---|---|
//! | parse | [`parse`] | from text to a syntax tree |
//! | analyse | [`analyse`] | names, types, keys; what ksqlDB refuses is refused |
//! | plan | [`plan`] | what a query does, as data |
//! | execute | [`execute`] | records in, changes out; pure |
//! | run | [`engine`], [`kafka`] | in memory, or on Kafka's topics |
//! | serve | [`serve`] | ksqlDB's REST API |
//!
//! An expression or function is added in one place. An operator's types are in `analyse/typing/mod.rs`
//! (comparisons and `IN` in `analyse/typing/compare.rs`; arrays, maps, structs, `->` and `[]` in
//! `analyse/typing/collect.rs`), its evaluation in `execute/eval.rs`; a scalar function is in
//! [`functions::scalar`], an aggregate in [`functions::aggregate`].

pub mod analyse;
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
pub mod types;
pub mod value;
