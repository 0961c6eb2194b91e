//! From training rows to a model version.

use model_store::Cause;
use model_store::Version;
use model_store::features::{self, TrainingRow};
use pipeline::{Definition, EventTime};
use regression::{ErrorMeasureError, FitError};

/// The minimum number of training rows, however few columns the model has.
pub const MIN_ROWS: usize = 10;
/// The minimum number of training rows per column of the design matrix.
pub const MIN_ROWS_PER_COLUMN: usize = 3;

/// Why rows cannot be fitted.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// There are too few rows for the formula.
    #[error(
        "{rows} valid rows are too few, expected at least {needed} for the model's {columns} columns: \
         wait for more {records}, or train on more rows"
    )]
    TooFewRows {
        /// The number of valid rows.
        rows: usize,
        /// Columns of the design matrix.
        columns: usize,
        /// The number of rows needed.
        needed: usize,
        /// What the rows stand for.
        records: String,
    },
    /// The rows have no unique fit.
    #[error("the rows cannot be fitted: {0}")]
    Degenerate(#[from] FitError),
    /// The error of the model is undefined.
    #[error("the error of the model cannot be computed: {0}")]
    Unmeasurable(#[from] ErrorMeasureError),
    /// The formula or its columns are wrong, regardless of the data.
    #[error("the definition of the model is wrong: {0}")]
    Definition(String),
}

/// Fits a version to `rows`, which are sorted oldest first.
///
/// # Errors
/// There are too few rows, or the rows have no unique fit.
pub fn train_version(
    definition: &Definition,
    rows: Vec<TrainingRow>,
    skipped_rows: u64,
    cause: Cause,
    training_started: EventTime,
) -> Result<Version, TrainError> {
    let table = features::table(definition, &rows)
        .map_err(|error| TrainError::Definition(error.to_string()))?;
    // Without rows there are no levels to count.
    let columns = match rows.is_empty() {
        true => 1 + definition.numbers().len(),
        false => regression::design_columns(&definition.formula, &table)?,
    };
    let needed = MIN_ROWS.max(MIN_ROWS_PER_COLUMN * columns);
    if rows.len() < needed {
        return Err(TrainError::TooFewRows {
            rows: rows.len(),
            columns,
            needed,
            records: definition.records.clone(),
        });
    }
    let model = regression::fit(&definition.formula, &table)?;
    Ok(Version::new(
        definition,
        model,
        rows,
        skipped_rows,
        cause,
        training_started,
    )?)
}
