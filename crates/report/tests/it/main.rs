//! From the records of a pipeline to its report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod any_pipeline;
mod ledger;
mod records;
mod rising;
mod standstill;
mod unseen;
mod verdict;
