//! The rows of a CSV file as records in the order of event time, and on a broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod schedules;
mod sending;
