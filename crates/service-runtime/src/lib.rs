//! What every service of the suite shares. It knows neither fish nor Kafka.
//!
//! | module | what is in it |
//! |---|---|
//! | [`cli`] | the shared flags, the `healthcheck` subcommand, exit codes, the frame of a `main` |
//! | [`telemetry`] | structured logs to standard error |
//! | [`shutdown`] | SIGINT and SIGTERM as a cancellation token |
//! | [`table`] | a CSV file of the user |
//! | [`tasks`] | tasks that live and die together |
//! | [`server`] | HTTP with limits: connections, time, memory that clients hold |
//! | [`background`] | work that leaves the cores to requests |
//! | [`origin`] | refuses what a browser asks for the page of another site |
//! | [`ops`] | `/healthz`, `/readyz`, `/metrics` |
//!
//! A binary's `main` parses its command line and calls [`cli::run`]; its library has a type that
//! binds (`bind(config)`), tells its port, and runs until a [`CancellationToken`] is cancelled, so
//! that a test or a bigger program can embed the same service.

pub mod background;
pub mod cli;
mod files;
pub mod ops;
pub mod origin;
mod repeats;
pub mod server;
pub mod shutdown;
pub mod table;
pub mod tasks;
pub mod telemetry;

pub use background::Background;
pub use cli::UsageError;
pub use ops::Readiness;
pub use tasks::Tasks;
pub use tokio_util::sync::CancellationToken;
