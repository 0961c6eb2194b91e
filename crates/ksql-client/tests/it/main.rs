//! The client against what a real ksqlDB server answered, through real HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod client;
mod files;
mod live;
mod outcomes;
mod recordings;
mod server;
mod tables;
