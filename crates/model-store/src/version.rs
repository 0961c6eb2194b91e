//! A model version: immutable, identified by a hash of its formula and training rows.

use std::fmt::Write as _;

use pipeline::{Definition, EventTime};
use regression::{ErrorMeasureError, FittedModel, Formula};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cause::Cause;
use crate::features::{TrainingRow, measure};
use crate::groups::Groups;

/// A version without its training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersionInfo {
    /// The id: twelve hexadecimal digits of a hash of the formula and the training rows.
    pub model_version: String,
    /// The fitted formula.
    pub formula: String,
    /// Wall-clock time when the training started, before it waited for a row.
    pub training_started: EventTime,
    /// Wall-clock time when it was trained.
    pub trained: EventTime,
    /// The number of training rows.
    pub rows: u64,
    /// Rows newer than the oldest training row that were skipped because a field is invalid.
    pub skipped_rows: u64,
    /// The id of the oldest row.
    pub first_row: Option<String>,
    /// The id of the newest row.
    pub last_row: Option<String>,
    /// The groups in the training rows, under the name of the group's field.
    #[serde(flatten)]
    pub groups: Groups,
    /// The levels with too few rows to be fitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Leave-one-out mean error on the training rows, relative or absolute as the pipeline says.
    pub loo_error: f64,
    /// Why it was trained.
    pub cause: Cause,
    /// The fitted model.
    pub model: FittedModel,
}

/// Levels of a category that have too few rows to be fitted. They count as unseen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct LeftOut {
    /// The column's name.
    pub column: String,
    /// The levels, in byte order.
    pub levels: Vec<String>,
}

/// A version with its training rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// Everything except the rows.
    pub info: VersionInfo,
    /// The rows, oldest first.
    pub training_rows: Vec<TrainingRow>,
}

impl Version {
    /// A version of a model that has just been fitted to `rows`.
    ///
    /// # Errors
    /// The leave-one-out error is relative and undefined, because an actual value is zero.
    pub fn new(
        definition: &Definition,
        model: FittedModel,
        rows: Vec<TrainingRow>,
        skipped_rows: u64,
        cause: Cause,
        training_started: EventTime,
    ) -> Result<Self, ErrorMeasureError> {
        let formula = model.fitted_formula();
        Ok(Self {
            info: VersionInfo {
                model_version: version_id(&formula, &rows),
                formula: formula.to_string(),
                training_started,
                trained: EventTime::now(),
                rows: rows.len() as u64,
                skipped_rows,
                first_row: rows.first().map(|row| row.row_id.clone()),
                last_row: rows.last().map(|row| row.row_id.clone()),
                groups: Groups::of(definition, &rows),
                left_out: Vec::new(),
                loo_error: model.leave_one_out_error(measure(definition))?,
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
        for level in &row.levels {
            // The length before each string makes the encoding unambiguous.
            hash.update((level.len() as u64).to_le_bytes());
            hash.update(level.as_bytes());
        }
        for value in row.numbers.iter().chain([&row.target]) {
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

/// `YYYY-MM-DD HH:MM:SS` in UTC, the format of model times in the API and on the topics.
pub fn model_time(trained: EventTime) -> String {
    let text = trained.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}
