//! The pipeline's SQL and connector files: those of its folder, or others that the user names. The stock
//! stack reads the same files.

use std::path::PathBuf;

use connect_embedded::ConnectorSource;
use pipeline_folder::{ConnectorFile, Folder, PipelineSql, SqlArgs};
use service_runtime::UsageError;

/// Which files define the pipeline.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct FileArgs {
    /// The SQL.
    #[command(flatten)]
    pub sql: SqlArgs,

    /// The folder with the connector files [default: connectors/ in the pipeline's folder]
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

    /// Reads the connector files of a pipeline.
    ///
    /// # Errors
    /// If the folder with the files cannot be read.
    pub fn connectors(&self, folder: &Folder) -> Result<Vec<ConnectorSource>, UsageError> {
        let files = folder.connectors(self.connectors.as_deref())?.into_iter();
        let source = |file: ConnectorFile| ConnectorSource {
            origin: file.origin,
            text: file.text,
        };
        Ok(files.map(source).collect())
    }
}
