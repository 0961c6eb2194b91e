//! A model version: immutable, named by a hash of what it was trained on.

use std::fmt::Write as _;

use pipeline::EventTime;
use regression::{ErrorMeasureError, FitError, FittedModel, Formula};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cause::Cause;
use crate::features::{self, TrainingRow};

/// Rows that a training needs at least, however few columns the model has.
pub const MIN_ROWS: usize = 10;
/// Rows that a training needs for each column of the design matrix.
pub const MIN_ROWS_PER_COLUMN: usize = 3;

/// Everything about a version except its training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersionInfo {
    /// Twelve hexadecimal digits: a hash of formula and training rows.
    pub model_version: String,
    /// The formula that was fitted.
    pub formula: String,
    /// When its training began, by the wall clock; it may have waited for a row.
    pub training_started: EventTime,
    /// When it was trained, by the wall clock.
    pub trained: EventTime,
    /// How many rows it was trained on.
    pub rows: u64,
    /// Newer rows that could not be used: a number was missing, not positive or too large, or
    /// another field was wrong.
    pub skipped_rows: u64,
    /// The oldest row's id.
    pub first_row: Option<String>,
    /// The newest row's id.
    pub last_row: Option<String>,
    /// The rows' species, in byte order.
    pub species: Vec<String>,
    /// Mean absolute relative error of the leave-one-out predictions of its training rows.
    pub loo_error: f64,
    /// Why it was trained.
    pub cause: Cause,
    /// The fitted model itself.
    pub model: FittedModel,
}

/// A version with its training rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// All but the rows.
    pub info: VersionInfo,
    /// The rows, oldest first.
    pub training_rows: Vec<TrainingRow>,
}

/// Why rows do not make a model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// There are too few rows for the formula.
    #[error(
        "{rows} valid rows are too few: the model's {columns} columns need at least {needed}; \
         wait for more fish, or train on more rows"
    )]
    TooFewRows {
        /// Valid rows that there are.
        rows: usize,
        /// Columns of the design matrix.
        columns: usize,
        /// Rows that are needed.
        needed: usize,
    },
    /// The rows have no unique fit.
    #[error("the rows do not make a model: {0}")]
    Degenerate(#[from] FitError),
    /// The error of the model cannot be computed.
    #[error("the model's error cannot be measured: {0}")]
    Unmeasurable(#[from] ErrorMeasureError),
    /// The formula or its columns are wrong, which no data can mend.
    #[error("the model's definition is wrong: {0}")]
    Definition(String),
}

impl Version {
    /// Trains a model on `rows`, oldest first.
    ///
    /// # Errors
    /// Too few rows, or rows without a unique fit.
    pub fn train(
        rows: Vec<TrainingRow>,
        skipped_rows: u64,
        cause: Cause,
        training_started: EventTime,
    ) -> Result<Self, TrainError> {
        let mut species: Vec<String> = rows.iter().map(|row| row.species.clone()).collect();
        species.sort_unstable();
        species.dedup();

        let columns = 1 + features::NUMERIC.len() + species.len().saturating_sub(1);
        let needed = MIN_ROWS.max(MIN_ROWS_PER_COLUMN * columns);
        if rows.len() < needed {
            return Err(TrainError::TooFewRows {
                rows: rows.len(),
                columns,
                needed,
            });
        }
        let definition = |error: &dyn std::error::Error| TrainError::Definition(error.to_string());
        let formula = features::formula().map_err(|error| definition(&error))?;
        let table = features::table(&rows).map_err(|error| definition(&error))?;
        let model = regression::fit(&formula, &table)?;
        let fitted = model.fitted_formula();
        Ok(Self {
            info: VersionInfo {
                model_version: version_id(&fitted, &rows),
                formula: fitted.to_string(),
                training_started,
                trained: EventTime::now(),
                rows: rows.len() as u64,
                skipped_rows,
                first_row: rows.first().map(|row| row.row_id.clone()),
                last_row: rows.last().map(|row| row.row_id.clone()),
                species,
                loo_error: model.leave_one_out_error()?,
                cause,
                model,
            },
            training_rows: rows,
        })
    }
}

/// The first 48 bits of SHA-256 over the formula and the rows' values.
fn version_id(formula: &Formula, rows: &[TrainingRow]) -> String {
    let mut hash = Sha256::new();
    hash.update(formula.to_string().as_bytes());
    for row in rows {
        // Lengths before texts, so that no two lists of rows have the same bytes.
        hash.update((row.species.len() as u64).to_le_bytes());
        hash.update(row.species.as_bytes());
        for value in [row.length_cm, row.height_cm, row.weight_kg] {
            hash.update(value.to_le_bytes());
        }
    }
    hash.finalize()
        .iter()
        .take(6)
        .fold(String::new(), |mut id, byte| {
            // Writing to a string cannot fail.
            let _ = write!(id, "{byte:02x}");
            id
        })
}

/// `YYYY-MM-DD HH:MM:SS` in UTC, as model times are written on the wire.
pub fn model_time(trained: EventTime) -> String {
    let text = trained.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}
