//! Why connector files are refused.

use std::io;

/// Why connector files are refused: before anything runs, with what to change.
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
    /// Two connectors of one name: a worker would let the second replace the first.
    #[error("{origin}: the name `{connector}` is taken by another connector; names are unique")]
    Duplicate {
        /// The second file.
        origin: String,
        /// The name.
        connector: String,
    },
    /// An option that is unknown, missing, or has a value that cannot be honoured.
    #[error("{origin}: connector `{connector}`, option `{option}`: {reason}")]
    Option {
        /// The file.
        origin: String,
        /// The connector's name.
        connector: String,
        /// The option.
        option: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
}
