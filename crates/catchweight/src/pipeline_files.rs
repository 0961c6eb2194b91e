//! The pipeline's SQL and connector files: the shipped ones or the user's. The stock stack reads the
//! same files.

use std::path::PathBuf;

use connect_embedded::ConnectorSource;
use pipeline_folder::{Folder, PipelineSql, SqlArgs};
use service_runtime::UsageError;

const WEIGHT_DATA: &str = include_str!("../../../connectors/weight-data.json");
const RETRAIN_TRIGGER: &str = include_str!("../../../connectors/retrain-trigger.json");

/// Which files define the pipeline.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct FileArgs {
    /// The SQL.
    #[command(flatten)]
    pub sql: SqlArgs,

    /// The folder with the connector files [default: the shipped connectors/]
    #[arg(long, value_name = "DIR")]
    pub connectors: Option<PathBuf>,
}

impl FileArgs {
    /// Reads the SQL of a pipeline.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn sql(&self, folder: &Folder) -> Result<PipelineSql, UsageError> {
        folder.sql(self.sql.sql.as_deref())
    }

    /// Reads the connector files.
    ///
    /// # Errors
    /// If the user's folder cannot be read.
    pub fn connectors(&self) -> Result<Vec<ConnectorSource>, UsageError> {
        let Some(path) = &self.connectors else {
            return Ok(shipped_connectors());
        };
        ConnectorSource::read(path).map_err(|error| UsageError(format!("--connectors: {error}")))
    }
}

fn shipped_connectors() -> Vec<ConnectorSource> {
    [
        ("connectors/weight-data.json", WEIGHT_DATA),
        ("connectors/retrain-trigger.json", RETRAIN_TRIGGER),
    ]
    .map(|(origin, text)| ConnectorSource {
        origin: origin.to_owned(),
        text: text.to_owned(),
    })
    .into()
}
