//! The stores, tested with one set of tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod rows;
mod stores;
