//! The REST API, over the engine on librdkafka's in-process cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod access;
mod cli;
mod compare;
mod fuzz;
mod limits;
#[cfg(feature = "kafka-tests")]
mod real_kafka;
mod recording;
mod replay;
mod statements;
mod world;
