//! Connector files and their shape.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::ConfigError;

/// The text of a connector file.
#[derive(Clone, Debug)]
pub struct ConnectorSource {
    /// The file's path, or another name for error messages.
    pub origin: String,
    /// Its text: JSON.
    pub text: String,
}

/// The shape of a connector file, as a Connect worker accepts it at `POST /connectors`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    name: String,
    config: Map<String, Value>,
}

/// A connector's name and the options in its file.
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) config: Vec<(String, String)>,
}

impl ConnectorSource {
    /// Reads the file at `path`, or, for a folder, the `*.json` files directly in it, by name.
    ///
    /// # Errors
    /// A file cannot be read, or the folder has no such file.
    pub fn read(path: &Path) -> Result<Vec<Self>, ConfigError> {
        let failed = |path: &Path, source| ConfigError::Read {
            path: path.display().to_string(),
            source,
        };
        let files = if fs::metadata(path).map_err(|e| failed(path, e))?.is_dir() {
            json_files(path).map_err(|e| failed(path, e))?
        } else {
            vec![path.to_owned()]
        };
        if files.is_empty() {
            let path = path.display().to_string();
            return Err(ConfigError::Empty { path });
        }
        files
            .into_iter()
            .map(|file| {
                let text = fs::read_to_string(&file).map_err(|e| failed(&file, e))?;
                let origin = file.display().to_string();
                Ok(Self { origin, text })
            })
            .collect()
    }

    /// The definition in the text. Numbers and booleans become text, as on a worker.
    pub(crate) fn definition(&self) -> Result<Definition, ConfigError> {
        let wrong = |reason: String| ConfigError::Shape {
            origin: self.origin.clone(),
            reason,
        };
        let shape: Shape = serde_json::from_str(&self.text).map_err(|e| wrong(e.to_string()))?;
        if shape.name.is_empty() {
            return Err(wrong("the name is empty".into()));
        }
        let config = shape
            .config
            .into_iter()
            .map(|(option, value)| match value {
                Value::String(text) => Ok((option, text)),
                Value::Number(number) => Ok((option, number.to_string())),
                Value::Bool(flag) => Ok((option, flag.to_string())),
                Value::Null | Value::Array(_) | Value::Object(_) => Err(wrong(format!(
                    "option `{option}` is invalid: expected a string"
                ))),
            })
            .collect::<Result<_, _>>()?;
        Ok(Definition {
            name: shape.name,
            config,
        })
    }
}

fn json_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() && path.extension().is_some_and(|e| e == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
