//! The project's files agree with each other.
//!
//! Topics, fields, ports, services, variables, flags and paths are named in the compose file, the
//! connector files, the SQL, the Rust sources and the documentation. No compiler checks that such a
//! name exists where it is defined; these tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compose;
mod connectors;
mod documents;
mod locked;
mod observability;
mod programs;
mod project;
mod sql;
