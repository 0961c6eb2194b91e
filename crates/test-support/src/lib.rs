//! Set-up shared by the workspace's tests and benchmarks. Crates use it only as a dev-dependency.
//!
//! | module | contents |
//! |---|---|
//! | [`broker`] | [`Broker`]: a Kafka broker in this process or an external one; writes and reads records |
//! | [`model`] | [`FakeModel`]: a small model server whose behavior a test sets |
//! | [`wait`] | [`within`], [`eventually`]: wait for a result or a condition, with a limit |
//! | [`process`] | [`Process`]: a program under test as a child process |
//! | [`http`] | one GET request without an HTTP client library |
//!
//! It must not depend on the crates that it helps to test: otherwise their unit tests could not use it.
//!
//! ```
//! # #[tokio::main(flavor = "multi_thread")] async fn main() {
//! use rdkafka::producer::FutureRecord;
//! use test_support::Broker;
//!
//! let broker = Broker::with_topics(3, ["in"]);
//! broker.send(FutureRecord::to("in").key("7").payload("hello")).await;
//! let records = broker.read("in", 1).await;
//! assert_eq!((records[0].key_text(), records[0].text()), ("7", "hello"));
//! # }
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

pub mod broker;
pub mod http;
pub mod model;
pub mod process;
pub mod wait;

pub use broker::{Broker, Record, scratch_name};
pub use model::{Behavior, FakeModel};
pub use process::Process;
pub use wait::{PATIENCE, eventually, eventually_some, within};
