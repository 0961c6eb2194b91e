//! Leave-one-out predictions, and the mean error of predictions.

use serde::{Deserialize, Serialize};

use crate::{
    model::FittedModel,
    predict::PredictError,
    table::{Column, Table},
};

/// How the error of predictions is measured, in the response's unit whatever its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorMeasure {
    /// The mean of |predicted − actual| / |actual|.
    Relative,
    /// The mean of |predicted − actual|.
    Absolute,
}

/// Why an error cannot be measured.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ErrorMeasureError {
    /// There are no rows.
    #[error("there are no rows to measure the error on")]
    NoRows,
    /// The number of predictions differs from the number of actual values.
    #[error("got {predicted} predictions for {actual} actual values; the numbers must be equal")]
    Length {
        /// The number of predictions.
        predicted: usize,
        /// The number of actual values.
        actual: usize,
    },
    /// An actual value is zero.
    #[error("row {}: the actual value is zero, so a relative error is undefined", row + 1)]
    ZeroActual {
        /// The row, counted from 0 (from 1 in the message).
        row: usize,
    },
    /// A value or the sum of the errors is NaN or infinite.
    #[error("the mean error is not a finite number")]
    NotFinite,
    /// The table has no numeric column for the response.
    #[error("the table has no numeric column `{0}` to compare predictions with")]
    MissingResponse(String),
    /// A row of the table cannot be predicted.
    #[error(transparent)]
    Predict(#[from] PredictError),
}

impl ErrorMeasure {
    /// The mean error.
    ///
    /// # Errors
    /// There are no rows, the lengths differ, a value is not finite, or an actual value is zero and the
    /// error is relative.
    pub fn of(self, predicted: &[f64], actual: &[f64]) -> Result<f64, ErrorMeasureError> {
        if predicted.len() != actual.len() {
            return Err(ErrorMeasureError::Length {
                predicted: predicted.len(),
                actual: actual.len(),
            });
        }
        if actual.is_empty() {
            return Err(ErrorMeasureError::NoRows);
        }
        let pairs = predicted.iter().zip(actual);
        let sum: f64 = match self {
            Self::Relative => {
                if let Some(row) = actual.iter().position(|value| *value == 0.0) {
                    return Err(ErrorMeasureError::ZeroActual { row });
                }
                pairs.map(|(p, a)| ((p - a) / a).abs()).sum()
            }
            Self::Absolute => pairs.map(|(p, a)| (p - a).abs()).sum(),
        };
        let mean = sum / actual.len() as f64;
        if mean.is_finite() {
            Ok(mean)
        } else {
            Err(ErrorMeasureError::NotFinite)
        }
    }
}

impl FittedModel {
    /// For each training row, in the table's order, the prediction of a model fitted without it.
    ///
    /// A row that alone determines a coefficient, such as the only row of its level, is predicted
    /// without it by the fit without that factor, as an unseen level would be. If it determines a
    /// coefficient of that fit too, the fit without any factor predicts, and else the mean of the other
    /// rows' responses.
    #[must_use]
    pub fn leave_one_out(&self) -> &[f64] {
        &self.left_out
    }

    /// The mean error of [`leave_one_out`](Self::leave_one_out) on the training rows.
    ///
    /// # Errors
    /// A training row has a response of zero and the error is relative.
    pub fn leave_one_out_error(&self, measure: ErrorMeasure) -> Result<f64, ErrorMeasureError> {
        measure.of(&self.left_out, &self.observed)
    }

    /// The mean error of the model's predictions for a table that contains the response. Unseen levels
    /// are predicted by the fits without their factors.
    ///
    /// # Errors
    /// The table lacks a column, or a row cannot be predicted or measured.
    pub fn error_on(&self, table: &Table, measure: ErrorMeasure) -> Result<f64, ErrorMeasureError> {
        let response = self.formula.response();
        let Some(Column::Numeric(actual)) = table.column(response) else {
            return Err(ErrorMeasureError::MissingResponse(response.to_owned()));
        };
        let predicted: Vec<f64> = self
            .predict_table(table)?
            .iter()
            .map(|prediction| prediction.value)
            .collect();
        measure.of(&predicted, actual)
    }
}
