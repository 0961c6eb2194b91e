//! Connectors against librdkafka's in-process cluster and a real HTTP server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod aiven;
mod mongo;
mod options;
mod reading;
#[cfg(feature = "real-connect")]
mod real_connect;
mod shipped;
mod support;
