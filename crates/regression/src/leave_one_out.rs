//! Exact leave-one-out predictions from the hat matrix, and the error measure over them.
//!
//! With leverage hᵢ (the diagonal of the hat matrix) and residual eᵢ, a fit without row i misses it
//! by eᵢ / (1 − hᵢ): no refitting (Allen's PRESS; R: `residuals(m) / (1 - hatvalues(m))`).

use crate::{
    model::FittedModel,
    predict::PredictError,
    table::{Column, Table},
};

/// Why there is no mean absolute relative error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorMeasureError {
    /// There is nothing to take the mean of.
    #[error("there are no rows to measure the error on")]
    NoRows,
    /// There are not as many predictions as actual values.
    #[error("{predicted} predictions for {actual} actual values")]
    Length {
        /// The number of predictions.
        predicted: usize,
        /// The number of actual values.
        actual: usize,
    },
    /// An actual value is zero, so that no error can be relative to it.
    #[error("row {}: the actual value is zero, no error can be relative to it", row + 1)]
    ZeroActual {
        /// The row, counted from 0 (from 1 in the message).
        row: usize,
    },
    /// A value is NaN or infinite, or the errors' sum is.
    #[error("the mean absolute relative error is not a finite number")]
    NotFinite,
    /// The table lacks the response, or has texts in its place.
    #[error("the table has no numeric column `{0}` to compare predictions with")]
    MissingResponse(String),
    /// A row of the table cannot be predicted.
    #[error(transparent)]
    Predict(#[from] PredictError),
}

/// The mean of |predicted − actual| / |actual|.
///
/// # Errors
/// No rows, different lengths, an actual value of zero, or something not finite.
pub fn mean_absolute_relative_error(
    predicted: &[f64],
    actual: &[f64],
) -> Result<f64, ErrorMeasureError> {
    if predicted.len() != actual.len() {
        return Err(ErrorMeasureError::Length {
            predicted: predicted.len(),
            actual: actual.len(),
        });
    }
    if actual.is_empty() {
        return Err(ErrorMeasureError::NoRows);
    }
    if let Some(row) = actual.iter().position(|value| *value == 0.0) {
        return Err(ErrorMeasureError::ZeroActual { row });
    }
    let sum: f64 = predicted
        .iter()
        .zip(actual)
        .map(|(p, a)| ((p - a) / a).abs())
        .sum();
    let mean = sum / actual.len() as f64;
    if mean.is_finite() {
        Ok(mean)
    } else {
        Err(ErrorMeasureError::NotFinite)
    }
}

impl FittedModel {
    /// For each training row, in the table's order, the prediction of the model fitted without it.
    ///
    /// A row that alone decides a coefficient, such as the only one of its level, is predicted by the
    /// pooled fit without it, as an unseen level would be; where it decides one of that fit too, by
    /// the mean of the other rows' responses.
    #[must_use]
    pub fn leave_one_out(&self) -> &[f64] {
        &self.left_out
    }

    /// The mean absolute relative error of [`leave_one_out`](Self::leave_one_out) on the training rows.
    ///
    /// # Errors
    /// A response of zero among the training rows.
    pub fn leave_one_out_error(&self) -> Result<f64, ErrorMeasureError> {
        mean_absolute_relative_error(&self.left_out, &self.observed)
    }

    /// The mean absolute relative error of the model's predictions of a table that has its response;
    /// unseen levels are predicted by the pooled fit.
    ///
    /// # Errors
    /// The table lacks a column, or a row cannot be predicted or measured.
    pub fn error_on(&self, table: &Table) -> Result<f64, ErrorMeasureError> {
        let Some(Column::Numeric(actual)) = table.column(&self.response) else {
            return Err(ErrorMeasureError::MissingResponse(self.response.clone()));
        };
        let predicted: Vec<f64> = self
            .predict_table(table)?
            .iter()
            .map(|prediction| prediction.value)
            .collect();
        mean_absolute_relative_error(&predicted, actual)
    }
}

/// Takes the first answer there is: the full fit's, the pooled fit's, the mean of the other rows.
pub(crate) fn decide(full: &[Option<f64>], pooled: &[Option<f64>], response: &[f64]) -> Vec<f64> {
    let others = (response.len() - 1) as f64;
    let sum: f64 = response.iter().sum();
    full.iter()
        .zip(pooled)
        .zip(response)
        .map(|((full, pooled), y)| full.or(*pooled).unwrap_or((sum - y) / others))
        .collect()
}
