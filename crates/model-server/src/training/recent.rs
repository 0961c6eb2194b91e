//! How many of the newest rows a model with random intercepts is trained on.
//!
//! With hundreds of levels, few rows know few levels, and many rows are older than a drift. Which of the two matters
//! shows in the errors of the newest rows.

use model_store::features::{TrainingRow, left_out_error};
use model_store::{Cause, Version};
use pipeline::{Definition, EventTime};

use super::fit::{TrainError, train_version};
use super::rows::Skipped;

/// Fits a version to `rows`, which are sorted oldest first. With random intercepts, fits also half of the `newest`
/// rows, all of them, twice as many, and so on, and returns the version with the smallest leave-one-out error on
/// the newest half.
///
/// # Errors
/// Neither all rows nor a part of them can be fitted.
pub(super) fn train_best(
    definition: &Definition,
    rows: Vec<TrainingRow>,
    newest: usize,
    skipped: &Skipped,
    cause: &Cause,
    started: EventTime,
) -> Result<Version, TrainError> {
    let train = |rows| train_version(definition, rows, skipped, cause.clone(), started);
    if definition.formula.group().is_none() {
        return train(rows);
    }
    let total = rows.len();
    let fewest = newest.div_ceil(2).max(1);
    let counts = std::iter::successors(Some(fewest), |count| count.checked_mul(2));
    let parts: Vec<Vec<TrainingRow>> = counts
        .take_while(|count| *count < total)
        .map(|count| rows[total - count..].to_vec())
        .collect();
    let mut best = train(rows);
    let mut least = best.as_ref().map_or(f64::INFINITY, |version| {
        newest_error(definition, version, fewest)
    });
    for part in parts.into_iter().rev() {
        let count = part.len();
        match train(part) {
            Ok(version) => {
                let error = newest_error(definition, &version, fewest);
                if error < least {
                    (best, least) = (Ok(version), error);
                }
            }
            Err(error) => tracing::debug!(%error, count, "the newest rows cannot be fitted alone"),
        }
    }
    best
}

/// The mean leave-one-out error on the newest training rows.
fn newest_error(definition: &Definition, version: &Version, newest: usize) -> f64 {
    let from = version.training_rows.len().saturating_sub(newest);
    left_out_error(definition, version, from)
}
