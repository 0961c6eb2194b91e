//! Solving one least squares problem: linfa for the estimates, QR for the checks and errors.

use linfa::{Dataset, traits::Fit};
use linfa_linalg::qr::QR;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2, ArrayView1, Axis, Slice};

use super::{FitError, design::DesignMatrix, solver_error};
use crate::{
    distribution::t_quantile_975,
    layout::SparseRow,
    linear_fit::{InverseTriangle, LinearFit},
};

/// R's `lm(tol = 1e-7)`.
const TOLERANCE: f64 = 1e-7;
/// A row with a leverage this close to one determines a coefficient alone.
const LEVERAGE_ONE: f64 = 1.0 - 1e-10;

/// Solves for a design matrix that has more rows than columns.
pub(super) fn solve(design: &DesignMatrix, response: &[f64]) -> Result<LinearFit, FitError> {
    let (rows, columns) = design.matrix.dim();
    let residual_df = rows - columns;
    let mut fit = LinearFit {
        inverse: decompose(design)?,
        estimates: estimate(&design.matrix, design.layout.intercept, response)?,
        residual_standard_error: 0.0,
        residual_df,
        t_quantile: t_quantile_975(residual_df as f64),
        fitted: Vec::new(),
        centers: design.centers.clone(),
        random: None,
    };
    fit.fitted = design.rows.iter().map(|row| fit.value(row)).collect();
    let squares: f64 = fit
        .fitted
        .iter()
        .zip(response)
        .map(|(fitted, y)| (y - fitted).powi(2))
        .sum();
    fit.residual_standard_error = (squares / residual_df as f64).sqrt();
    if fit.is_valid_for(columns, rows, None) {
        Ok(fit)
    } else {
        Err(solver_error())
    }
}

/// The prediction for a row of a fit without it, with the response's function applied; `None` if that
/// row alone determines a coefficient.
///
/// With leverage hᵢ (the diagonal of the hat matrix) and residual eᵢ, a fit without row i misses it
/// by eᵢ / (1 − hᵢ), so no refit is needed (Allen's PRESS; R: `residuals(m) / (1 - hatvalues(m))`).
///
/// With random intercepts the same holds for a given variance ratio, which is not estimated anew.
pub(super) fn left_out(
    fit: &LinearFit,
    row: &SparseRow,
    level: Option<usize>,
    y: f64,
    fitted: f64,
) -> Option<f64> {
    let leverage = fit.leverage(row, level);
    (leverage < LEVERAGE_ONE).then(|| y - (y - fitted) / (1.0 - leverage))
}

/// linfa's coefficients, the intercept first.
fn estimate(matrix: &Array2<f64>, intercept: bool, response: &[f64]) -> Result<Vec<f64>, FitError> {
    let first = usize::from(intercept);
    let regressors = matrix.slice_axis(Axis(1), Slice::from(first..)).to_owned();
    let dataset = Dataset::new(regressors, Array1::from(response.to_vec()));
    let fitted = LinearRegression::new()
        .with_intercept(intercept)
        .fit(&dataset)
        .map_err(|error| FitError::Solver(error.to_string()))?;
    let intercept = intercept.then(|| fitted.intercept());
    Ok(intercept
        .into_iter()
        .chain(fitted.params().iter().copied())
        .collect())
}

/// Decomposes a design matrix that has at least as many rows as columns.
///
/// For linearly dependent columns linfa returns coefficients near 1e15. This check returns an error
/// that names the column instead, with the rule and the tolerance of R's `lm`: a column is dependent
/// if removing its projection on the columns before it leaves less than 1e-7 of its length.
fn decompose(design: &DesignMatrix) -> Result<InverseTriangle, FitError> {
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
        // R measures the length before centring.
        let full_length = lengths[j].hypot(centers[j] * (matrix.nrows() as f64).sqrt());
        if !full_length.is_finite() {
            return Err(FitError::Overflow {
                column: name.clone(),
            });
        }
        let remaining = r[(j, j)];
        if remaining.is_nan() || remaining <= TOLERANCE * full_length {
            return Err(dependent(&r, j, full_length, &lengths, names));
        }
    }
    Ok(InverseTriangle::of(r.ncols(), |i, j| r[(i, j)]))
}

fn length(column: ArrayView1<'_, f64>) -> f64 {
    column
        .iter()
        .fold(0.0, |length: f64, value| length.hypot(*value))
}

/// The error for column `j`, which depends on columns before it. Back substitution in R finds them.
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
