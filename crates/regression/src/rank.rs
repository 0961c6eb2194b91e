//! QR of the design matrix, and the guard against columns that the ones before them determine.
//!
//! linfa's solver answers with coefficients near 1e15 on such columns; here they are an error that
//! names the column. The rule and the tolerance are those of R's `lm`: a column is dependent if less
//! than 1e-7 of its length remains when the columns before it are taken out of it.

use linfa_linalg::qr::QR;
use ndarray::{Array2, ArrayView1};

use crate::{design::DesignMatrix, fit::FitError, triangle::InverseTriangle};

/// R's `lm(tol = 1e-7)`.
const TOLERANCE: f64 = 1e-7;

/// Decomposes a design matrix that has at least as many rows as columns.
pub(crate) fn decompose(design: &DesignMatrix) -> Result<InverseTriangle, FitError> {
    let DesignMatrix {
        matrix,
        names,
        centers,
        ..
    } = design;
    let lengths: Vec<f64> = matrix.columns().into_iter().map(length).collect();
    let r = matrix
        .qr()
        .map_err(|error| FitError::Solver(error.to_string()))?
        .into_r();
    for (j, name) in names.iter().enumerate() {
        // Before centring, as R measures it.
        let full_length = lengths[j].hypot(centers[j] * (matrix.nrows() as f64).sqrt());
        if !full_length.is_finite() {
            return Err(FitError::Overflow {
                column: name.clone(),
            });
        }
        let remains = r[(j, j)];
        if remains.is_nan() || remains <= TOLERANCE * full_length {
            return Err(dependent(&r, j, full_length, &lengths, names));
        }
    }
    Ok(InverseTriangle::of(&r))
}

fn length(column: ArrayView1<'_, f64>) -> f64 {
    column
        .iter()
        .fold(0.0, |length: f64, value| length.hypot(*value))
}

/// Column `j` is a combination of those before it: finds which, by back substitution in R.
fn dependent(
    r: &Array2<f64>,
    j: usize,
    full_length: f64,
    lengths: &[f64],
    names: &[String],
) -> FitError {
    let mut weights = vec![0.0; j];
    for i in (0..j).rev() {
        let sum: f64 = (i + 1..j).map(|k| r[(i, k)] * weights[k]).sum();
        weights[i] = (r[(i, j)] - sum) / r[(i, i)];
    }
    let on: Vec<String> = (0..j)
        .filter(|&i| weights[i].abs() * lengths[i] > TOLERANCE * full_length)
        .map(|i| names[i].clone())
        .collect();
    let column = names[j].clone();
    if on.is_empty() {
        FitError::ConstantColumn { column }
    } else {
        FitError::DependentColumn { column, on }
    }
}
