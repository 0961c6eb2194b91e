//! The client against recorded responses of a real ksqlDB server, over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod live;
mod outcomes;
mod recordings;
mod requests;
mod server;
mod tables;
