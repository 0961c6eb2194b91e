//! The whole pipeline with its real parts: broker, services, SQL, connectors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backtesting;
mod binary;
mod exported_metrics;
mod folders;
mod harness;
mod live_page;
mod many_levels;
mod partitions;
mod recorded;
mod verifying;
mod whole_loop;
