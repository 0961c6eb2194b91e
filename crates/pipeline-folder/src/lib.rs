//! The folder of a pipeline. Every program finds its pipeline here.
//!
//! ```text
//! pipeline.toml          records, topics, columns, model
//! ksql/pipeline.sql      join, error, trigger
//! connectors/*.json      what is stored, what is called
//! first-rows.csv         what the first model is trained on (pipeline.toml names the file)
//! ```
//!
//! The fish factory ships with the programs: it needs no folder.
//!
//! ```
//! use pipeline_folder::Folder;
//!
//! let folder = Folder::shipped();
//! assert_eq!(folder.definition.record, "fish");
//! assert!(folder.sql(None)?.text().contains("CREATE STREAM"));
//! # Ok::<(), service_runtime::UsageError>(())
//! ```

pub mod check;
mod sql;

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use pipeline::Definition;
use service_runtime::UsageError;

pub use sql::{PipelineSql, SqlArgs};

/// The name of the definition in a folder.
pub const DEFINITION_FILE: &str = "pipeline.toml";
/// The SQL of a folder.
const SQL_FILE: &str = "ksql/pipeline.sql";
/// The folder of the connector files in a folder.
const CONNECTORS: &str = "connectors";

const SHIPPED_SQL: &str = include_str!("../../../ksql/pipeline.sql");
const SHIPPED_FIRST_ROWS: &str = include_str!("../../../data/salmon-100.csv");
const SHIPPED_CONNECTORS: [(&str, &str); 2] = [
    (
        "connectors/weight-data.json",
        include_str!("../../../connectors/weight-data.json"),
    ),
    (
        "connectors/retrain-trigger.json",
        include_str!("../../../connectors/retrain-trigger.json"),
    ),
];

/// Which pipeline a program works for.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct FolderArgs {
    /// The folder of the pipeline, with pipeline.toml, ksql/ and connectors/ [default: the working
    /// directory if it has a pipeline.toml, else the shipped fish factory]
    #[arg(long, env = "PIPELINE", value_name = "DIR")]
    pub pipeline: Option<PathBuf>,
}

impl FolderArgs {
    /// The folder that the user named; else the working directory, if it has a `pipeline.toml`; else the
    /// shipped fish factory.
    ///
    /// # Errors
    /// The definition cannot be read; the message names file, place and what is expected.
    pub fn open(&self) -> Result<Folder, UsageError> {
        match &self.pipeline {
            Some(dir) => Folder::open(dir),
            None if Path::new(DEFINITION_FILE).is_file() => Folder::open(Path::new(".")),
            None => Ok(Folder::shipped()),
        }
    }
}

/// A pipeline and where its files are.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The definition.
    pub definition: &'static Definition,
    /// The folder; `None` for the shipped pipeline.
    dir: Option<PathBuf>,
}

/// A connector file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorFile {
    /// The path.
    pub origin: String,
    /// The content.
    pub text: String,
}

impl Folder {
    /// The fish factory, whose files are part of the programs.
    pub fn shipped() -> Self {
        Self {
            definition: Definition::shipped(),
            dir: None,
        }
    }

    /// Reads the definition in `dir`.
    ///
    /// # Errors
    /// It cannot be read; the message names file, place and what is expected.
    pub fn open(dir: &Path) -> Result<Self, UsageError> {
        let path = dir.join(DEFINITION_FILE);
        let text = read(&path)?;
        let definition = Definition::parse(&text)
            .map_err(|error| UsageError(format!("{}: {error}", path.display())))?;
        Ok(Self {
            definition: definition.leak(),
            dir: Some(dir.to_owned()),
        })
    }

    /// The folder; `None` for the shipped pipeline.
    pub fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    /// The SQL: the file that the user named, else the folder's.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sql(&self, file: Option<&Path>) -> Result<PipelineSql, UsageError> {
        let path = match (file, &self.dir) {
            (Some(file), _) => file.to_owned(),
            (None, Some(dir)) => dir.join(SQL_FILE),
            (None, None) => {
                let origin = format!("the shipped {SQL_FILE}");
                return Ok(PipelineSql::new(
                    origin,
                    SHIPPED_SQL.to_owned(),
                    self.definition,
                ));
            }
        };
        let text = read(&path)?;
        Ok(PipelineSql::new(
            path.display().to_string(),
            text,
            self.definition,
        ))
    }

    /// The connector files, by name: those in the folder that the user named, else the pipeline's.
    ///
    /// # Errors
    /// The folder or a file cannot be read, or there is no file.
    pub fn connectors(&self, dir: Option<&Path>) -> Result<Vec<ConnectorFile>, UsageError> {
        let dir = match (dir, &self.dir) {
            (Some(dir), _) => dir.to_owned(),
            (None, Some(dir)) => dir.join(CONNECTORS),
            (None, None) => {
                return Ok(SHIPPED_CONNECTORS
                    .map(|(origin, text)| ConnectorFile {
                        origin: origin.to_owned(),
                        text: text.to_owned(),
                    })
                    .into());
            }
        };
        let unreadable = |error| UsageError(format!("{}: {error}", dir.display()));
        let mut paths = Vec::new();
        for entry in fs::read_dir(&dir).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                paths.push(path);
            }
        }
        if paths.is_empty() {
            let shown = dir.display();
            return Err(UsageError(format!(
                "{shown} has no connector files; expected at least one file with the extension .json"
            )));
        }
        paths.sort_unstable();
        let file = |path: PathBuf| {
            Ok(ConnectorFile {
                text: read(&path)?,
                origin: path.display().to_string(),
            })
        };
        paths.into_iter().map(file).collect()
    }

    /// The training rows of the first model: their path and the content of the CSV file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn first_rows(&self) -> Result<(String, Cow<'static, [u8]>), UsageError> {
        let name = &self.definition.first_rows;
        match &self.dir {
            None => Ok((name.clone(), SHIPPED_FIRST_ROWS.as_bytes().into())),
            Some(dir) => {
                let path = dir.join(name);
                let content = fs::read(&path)
                    .map_err(|error| UsageError(format!("{}: {error}", path.display())))?;
                Ok((path.display().to_string(), content.into()))
            }
        }
    }
}

fn read(path: &Path) -> Result<String, UsageError> {
    let text = fs::read_to_string(path)
        .map_err(|error| UsageError(format!("{}: {error}", path.display())))?;
    // Editors on Windows write a byte order mark.
    Ok(text
        .strip_prefix('\u{feff}')
        .map_or(text.clone(), str::to_owned))
}
