//! Files as people have them, and what is said about those that cannot be read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod formats;
mod refusals;
mod rows;
