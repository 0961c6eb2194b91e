//! The texts of a pipeline's files.

pub mod connectors;
pub mod names;
pub mod sql;
pub mod toml;
