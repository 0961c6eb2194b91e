//! A copy of the live model in a file, for a start at which the store cannot be reached.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::live::LiveModel;
use crate::version::VersionInfo;

/// The file.
#[derive(Clone, Debug)]
pub struct LiveCopy(PathBuf);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'a> {
    version: &'a VersionInfo,
    activation: &'a Decision,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Read {
    version: VersionInfo,
    activation: Decision,
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

    /// The model that was live when the copy was written; none where there is no file.
    ///
    /// # Errors
    /// Where the file cannot be read or is no copy.
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

    /// Replaces the file: at every moment there is the old copy or the new one.
    ///
    /// # Errors
    /// Where the file's directory cannot be written to.
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
