//! The SQL of a pipeline.

use std::path::PathBuf;

use pipeline::{Definition, TriggerRule};
use service_runtime::UsageError;

/// Another file with the pipeline's SQL.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct SqlArgs {
    /// The pipeline's SQL [default: ksql/pipeline.sql in the pipeline's folder]
    #[arg(long, value_name = "FILE.sql")]
    pub sql: Option<PathBuf>,
}

/// The SQL and where it comes from.
#[derive(Clone, Debug)]
pub struct PipelineSql {
    origin: String,
    text: String,
    definition: &'static Definition,
}

impl PipelineSql {
    pub(crate) fn new(origin: String, text: String, definition: &'static Definition) -> Self {
        Self {
            origin,
            text,
            definition,
        }
    }

    /// The file, in messages.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The rule by which it triggers a retraining.
    ///
    /// # Errors
    /// The SQL cannot be parsed or has no such rule.
    pub fn trigger_rule(&self) -> Result<TriggerRule, UsageError> {
        TriggerRule::from_sql(&self.text, &self.definition.topics)
            .map_err(|error| self.error(error))
    }

    /// A usage error that names the file.
    pub fn error(&self, reason: impl std::fmt::Display) -> UsageError {
        UsageError(format!("{}: {reason}", self.origin))
    }
}
