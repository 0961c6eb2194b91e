//! One solved least squares fit: values, interval widths, and the inverse of R from X = QR.

use serde::{Deserialize, Serialize};

use crate::{layout::SparseRow, random::RandomIntercepts};

/// A solved fit. Its intercept is the value where every centred column is at its centre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LinearFit {
    pub(crate) estimates: Vec<f64>,
    pub(crate) inverse: InverseTriangle,
    pub(crate) residual_standard_error: f64,
    pub(crate) residual_df: usize,
    /// Half the width of a 95 % interval, in standard errors.
    pub(crate) t_quantile: f64,
    /// The fitted values of the training rows, with the response's function applied.
    pub(crate) fitted: Vec<f64>,
    /// What is subtracted from each column of the design matrix. Stored with the terms instead if the
    /// formula is a list of columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) centers: Vec<f64>,
    /// If there are random intercepts, the estimates and the inverse are those of generalized least
    /// squares, and the fitted values include the effects of the levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) random: Option<RandomIntercepts>,
}

impl LinearFit {
    /// The value at one row of the design matrix.
    pub(crate) fn value(&self, row: &SparseRow) -> f64 {
        row.iter()
            .filter_map(|&(column, value)| {
                self.estimates.get(column).map(|estimate| estimate * value)
            })
            .sum()
    }

    /// The value at one row of the design matrix, with the random effect of its level, if any.
    pub(crate) fn value_with_effect(&self, row: &SparseRow, level: Option<usize>) -> f64 {
        match (&self.random, level) {
            (Some(random), Some(level)) => self.value(row) + random.effect(level),
            _ => self.value(row),
        }
    }

    /// Half the 95 % prediction interval at one row of the design matrix.
    pub(crate) fn half_width(&self, row: &SparseRow, level: Option<usize>) -> f64 {
        self.t_quantile * self.residual_standard_error * (1.0 + self.leverage(row, level)).sqrt()
    }

    /// The variance of the estimated value at one row, in residual variances; for a training row, its
    /// leverage.
    ///
    /// With random intercepts this is w'C⁻¹w, where C is the matrix of the mixed-model equations and w
    /// consists of the row and of an indicator of its level. For an unseen level, the variance of the
    /// effects is added to that of the fixed part.
    pub(crate) fn leverage(&self, row: &SparseRow, level: Option<usize>) -> f64 {
        let (Some(random), Some(level)) = (&self.random, level) else {
            return self.inverse.quadratic_form(row);
        };
        let variance = random.effect_variance(level);
        let Some(means) = random.level_means(level) else {
            return variance + self.inverse.quadratic_form(row);
        };
        let shrinkage = random.shrinkage(level);
        let mut difference: SparseRow = means
            .iter()
            .enumerate()
            .map(|(column, mean)| (column, -shrinkage * mean))
            .collect();
        for (column, value) in row {
            difference[*column].1 += value;
        }
        variance + self.inverse.quadratic_form(&difference)
    }

    /// Whether the lengths match `width` columns, `rows` rows and the levels of a group with random
    /// intercepts, and every number is finite.
    pub(crate) fn is_valid_for(&self, width: usize, rows: usize, group: Option<usize>) -> bool {
        let scalars = [self.residual_standard_error, self.t_quantile];
        rows > width
            && self.residual_df == rows - width
            && self.estimates.len() == width
            && self.fitted.len() == rows
            && self.centers.len() == width
            && self.inverse.is_valid_for(width)
            && match (&self.random, group) {
                (None, None) => true,
                (Some(random), Some(levels)) => random.is_valid_for(levels, width, rows),
                _ => false,
            }
            && self
                .estimates
                .iter()
                .chain(&self.fitted)
                .chain(&self.centers)
                .chain(&scalars)
                .all(|value| value.is_finite())
    }
}

/// The inverse of the upper triangular R of a QR decomposition, column after column: entry (i, j),
/// i ≤ j, is at j(j+1)/2 + i.
///
/// With X = QR, (X'X)⁻¹ = R⁻¹R⁻ᵀ: a variance is the squared length of R⁻ᵀz. This form keeps the
/// digits that forming X'X would lose, and a variance cannot become negative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct InverseTriangle(Vec<f64>);

impl InverseTriangle {
    /// Inverts an upper triangular matrix without zeros on its diagonal; `r` returns entry (i, j).
    #[cfg(any(feature = "fit", test))]
    pub(crate) fn of(width: usize, r: impl Fn(usize, usize) -> f64) -> Self {
        let mut packed = Vec::with_capacity(packed_len(width));
        for j in 0..width {
            let start = packed.len();
            packed.resize(start + j + 1, 0.0);
            let column = &mut packed[start..];
            column[j] = 1.0 / r(j, j);
            for i in (0..j).rev() {
                let sum: f64 = (i + 1..=j).map(|k| r(i, k) * column[k]).sum();
                column[i] = -sum / r(i, i);
            }
        }
        Self(packed)
    }

    /// z'(X'X)⁻¹z. Reads only the entries in z's columns.
    pub(crate) fn quadratic_form(&self, z: &SparseRow) -> f64 {
        self.apply(z).map(|product| product * product).sum()
    }

    /// R⁻ᵀz.
    pub(crate) fn apply(&self, z: &SparseRow) -> impl Iterator<Item = f64> {
        self.columns().map(|entries| {
            z.iter()
                .filter_map(|&(i, value)| entries.get(i).map(|entry| entry * value))
                .sum()
        })
    }

    /// The columns down to the diagonal.
    fn columns(&self) -> impl Iterator<Item = &[f64]> {
        let mut rest = self.0.as_slice();
        let mut length = 0;
        std::iter::from_fn(move || {
            length += 1;
            let (column, after) = rest.split_at_checked(length)?;
            rest = after;
            Some(column)
        })
    }

    /// R⁻¹v.
    #[cfg(feature = "fit")]
    pub(crate) fn times_vector(&self, v: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; v.len()];
        for (column, value) in self.columns().zip(v) {
            for (sum, entry) in product.iter_mut().zip(column) {
                *sum += entry * value;
            }
        }
        product
    }

    /// The product with another upper triangular matrix of the same width.
    #[cfg(feature = "fit")]
    pub(crate) fn times(&self, other: &Self) -> Self {
        let columns = other.columns().flat_map(|column| self.times_vector(column));
        Self(columns.collect())
    }

    /// ln |R⁻¹|.
    #[cfg(feature = "fit")]
    pub(crate) fn log_determinant(&self) -> f64 {
        self.columns()
            .filter_map(<[f64]>::last)
            .map(|entry| entry.abs().ln())
            .sum()
    }

    fn is_valid_for(&self, width: usize) -> bool {
        self.0.len() == packed_len(width) && self.0.iter().all(|entry| entry.is_finite())
    }
}

fn packed_len(width: usize) -> usize {
    width * (width + 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quadratic_form_uses_the_inverse_of_xtx() {
        // R = [[2, 1], [0, 4]]: R'R = [[4, 2], [2, 17]], whose inverse is [[17, -2], [-2, 4]] / 64.
        let inverse = InverseTriangle::of(2, |i, j| [[2.0, 1.0], [0.0, 4.0]][i][j]);
        let z: SparseRow = [(0, 3.0), (1, 5.0)].into_iter().collect();
        let expected = (17.0 * 9.0 - 2.0 * 2.0 * 15.0 + 4.0 * 25.0) / 64.0;
        assert!((inverse.quadratic_form(&z) - expected).abs() < 1e-14);
    }
}
