//! Errors of connector files.

use std::io;

/// Why a connector file is rejected. No connector runs then.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or folder cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file or folder.
        path: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A folder without connector files.
    #[error("{path}: no connector file (*.json) in this folder")]
    Empty {
        /// The folder.
        path: String,
    },
    /// Not of the shape `{"name": "…", "config": {…}}`.
    #[error(
        "{origin}: {reason}; a connector file has the shape {{\"name\": \"…\", \"config\": {{\"option\": \"value\"}}}}"
    )]
    Shape {
        /// The file.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two connectors with the same name.
    #[error("{origin}: the name `{connector}` is used by another connector: names must be unique")]
    Duplicate {
        /// The second file.
        origin: String,
        /// The name.
        connector: String,
    },
    /// An option that is unknown, missing, or has an unsupported value.
    #[error("{origin}: connector `{connector}`, option `{option}`: {reason}")]
    Option {
        /// The file.
        origin: String,
        /// The connector's name.
        connector: String,
        /// The option.
        option: String,
        /// What is wrong with it, and what is expected.
        reason: String,
    },
}
