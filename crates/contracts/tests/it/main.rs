//! What the parts of the project say of each other is true.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compose;
mod connectors;
mod documents;
mod observability;
mod programs;
mod project;
mod sql;
