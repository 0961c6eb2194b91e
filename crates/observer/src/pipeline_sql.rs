//! The SQL that defines a pipeline: the shipped one or the user's file.

use std::path::PathBuf;

use pipeline::TriggerRule;
use service_runtime::UsageError;

const SHIPPED: &str = include_str!("../../../ksql/pipeline.sql");

/// Which SQL defines the pipeline.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct SqlArgs {
    /// The pipeline's SQL [default: the shipped ksql/pipeline.sql]
    #[arg(long, value_name = "FILE.sql")]
    pub sql: Option<PathBuf>,
}

impl SqlArgs {
    /// Reads the SQL.
    ///
    /// # Errors
    /// If the user's file cannot be read.
    pub fn read(&self) -> Result<PipelineSql, UsageError> {
        let Some(path) = &self.sql else {
            return Ok(PipelineSql {
                origin: "the shipped ksql/pipeline.sql".to_owned(),
                text: SHIPPED.to_owned(),
            });
        };
        let origin = format!("--sql {}", path.display());
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(PipelineSql { origin, text }),
            Err(error) => Err(UsageError(format!("{origin}: {error}"))),
        }
    }
}

/// The pipeline's SQL and where it comes from.
#[derive(Clone, Debug)]
pub struct PipelineSql {
    origin: String,
    text: String,
}

impl PipelineSql {
    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The rule by which it triggers a retraining.
    ///
    /// # Errors
    /// If the SQL cannot be parsed or has no such rule.
    pub fn trigger_rule(&self) -> Result<TriggerRule, UsageError> {
        TriggerRule::from_sql(&self.text, &pipeline::Definition::shipped().topics)
            .map_err(|error| self.error(error))
    }

    /// A usage error that names the file.
    pub fn error(&self, reason: impl std::fmt::Display) -> UsageError {
        UsageError(format!("{}: {reason}", self.origin))
    }
}
