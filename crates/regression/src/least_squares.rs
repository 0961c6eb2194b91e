//! One solved least squares fit, and what its numbers give.

use linfa::{Dataset, traits::Fit};
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2, Axis, Slice};
use serde::{Deserialize, Serialize};

use crate::{
    design::DesignMatrix, distribution::t_quantile_975, fit::FitError, rank, terms::Active,
    triangle::InverseTriangle,
};

/// A row whose own weight in its prediction is this close to one decides it alone.
const LEVERAGE_ONE: f64 = 1.0 - 1e-10;

/// A solved fit. Its intercept is the value where every numeric is at its centre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LinearFit {
    pub(crate) estimates: Vec<f64>,
    pub(crate) inverse: InverseTriangle,
    pub(crate) residual_standard_error: f64,
    pub(crate) residual_df: usize,
    /// Standard errors that a 95 % interval reaches to either side.
    t_quantile: f64,
    /// The fitted values of the rows.
    pub(crate) fitted: Vec<f64>,
}

impl LinearFit {
    /// Solves for a design matrix that has more rows than columns.
    pub(crate) fn solve(design: &DesignMatrix, response: &[f64]) -> Result<Self, FitError> {
        let (rows, columns) = design.matrix.dim();
        let residual_df = rows - columns;
        let mut fit = Self {
            inverse: rank::decompose(design)?,
            estimates: estimate(&design.matrix, response)?,
            residual_standard_error: 0.0,
            residual_df,
            t_quantile: t_quantile_975(residual_df as f64),
            fitted: Vec::new(),
        };
        fit.fitted = design.rows.iter().map(|row| fit.value(row)).collect();
        let squares: f64 = fit
            .fitted
            .iter()
            .zip(response)
            .map(|(fitted, y)| (y - fitted).powi(2))
            .sum();
        fit.residual_standard_error = (squares / residual_df as f64).sqrt();
        if fit.is_valid_for(columns, rows) {
            Ok(fit)
        } else {
            Err(FitError::Solver(
                "the values are too large or too small to compute with".to_owned(),
            ))
        }
    }

    /// The value at one row of the design matrix.
    pub(crate) fn value(&self, row: &Active) -> f64 {
        row.iter()
            .filter_map(|&(column, value)| {
                self.estimates.get(column).map(|estimate| estimate * value)
            })
            .sum()
    }

    /// Half the 95 % prediction interval at one row of the design matrix.
    pub(crate) fn half_width(&self, row: &Active) -> f64 {
        self.t_quantile
            * self.residual_standard_error
            * (1.0 + self.inverse.quadratic_form(row)).sqrt()
    }

    /// For each row the prediction of a fit without it; `None` where that row alone decides a coefficient.
    pub(crate) fn left_out<'a>(
        &'a self,
        rows: &'a [Active],
        response: &'a [f64],
    ) -> impl Iterator<Item = Option<f64>> + 'a {
        rows.iter()
            .zip(response)
            .zip(&self.fitted)
            .map(|((row, y), fitted)| {
                let leverage = self.inverse.quadratic_form(row);
                (leverage < LEVERAGE_ONE).then(|| y - (y - fitted) / (1.0 - leverage))
            })
    }

    /// Whether every number is there and finite.
    pub(crate) fn is_valid_for(&self, width: usize, rows: usize) -> bool {
        let scalars = [self.residual_standard_error, self.t_quantile];
        rows > width
            && self.residual_df == rows - width
            && self.estimates.len() == width
            && self.fitted.len() == rows
            && self.inverse.is_valid_for(width)
            && self
                .estimates
                .iter()
                .chain(&self.fitted)
                .chain(&scalars)
                .all(|value| value.is_finite())
    }
}

/// linfa's coefficients, the intercept first.
fn estimate(matrix: &Array2<f64>, response: &[f64]) -> Result<Vec<f64>, FitError> {
    let regressors = matrix.slice_axis(Axis(1), Slice::from(1..)).to_owned();
    let dataset = Dataset::new(regressors, Array1::from(response.to_vec()));
    let fitted = LinearRegression::new()
        .fit(&dataset)
        .map_err(|error| FitError::Solver(error.to_string()))?;
    Ok(std::iter::once(fitted.intercept())
        .chain(fitted.params().iter().copied())
        .collect())
}
