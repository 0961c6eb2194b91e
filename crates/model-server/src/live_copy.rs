//! A local copy of the live model, used if the store cannot be reached at start-up.

use std::io::Write;
use std::path::{Path, PathBuf};

use model_store::{LiveModel, LogEntry, VersionInfo};
use serde::{Deserialize, Serialize};

/// The file that contains the copy.
#[derive(Clone, Debug)]
pub struct LiveCopy(PathBuf);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'a> {
    version: &'a VersionInfo,
    activation: &'a LogEntry,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Read {
    version: VersionInfo,
    activation: LogEntry,
}

impl LiveCopy {
    /// The copy at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The model that was live when the copy was written; `None` if there is no file.
    ///
    /// # Errors
    /// The file cannot be read or is not a copy.
    pub fn read(&self) -> std::io::Result<Option<LiveModel>> {
        let bytes = match std::fs::read(&self.0) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Read {
            version,
            activation,
        } = serde_json::from_slice(&bytes)?;
        Ok(Some(LiveModel::new(version, activation)))
    }

    /// Replaces the file atomically.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, live: &LiveModel) -> std::io::Result<()> {
        let directory = match self.0.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let written = Written {
            version: &live.info,
            activation: &live.activation,
        };
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer(&mut file, &written)?;
        file.flush()?;
        file.as_file().sync_all()?;
        file.persist(&self.0)?;
        Ok(())
    }
}
