//! The contract on the wire, as a reader and a writer of the topics see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod definition;
mod event_time;
mod fields;
mod reading;
mod samples;
mod writing;
