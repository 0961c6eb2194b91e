//! The model server, tested over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod any_pipeline;
mod calls;
mod faults;
mod harness;
mod history;
mod log;
mod many_levels;
#[cfg(feature = "mongodb-tests")]
mod mongo;
mod parity;
mod process;
mod refining;
#[path = "../../../model-store/tests/it/rows.rs"]
mod rows;
mod service;
mod training;
