//! One solved least squares fit: values, interval widths, and the inverse of R from X = QR.

use serde::{Deserialize, Serialize};

use crate::layout::SparseRow;

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

    /// Half the 95 % prediction interval at one row of the design matrix.
    pub(crate) fn half_width(&self, row: &SparseRow) -> f64 {
        self.t_quantile
            * self.residual_standard_error
            * (1.0 + self.inverse.quadratic_form(row)).sqrt()
    }

    /// Whether the lengths match `width` columns and `rows` rows and every number is finite.
    pub(crate) fn is_valid_for(&self, width: usize, rows: usize) -> bool {
        let scalars = [self.residual_standard_error, self.t_quantile];
        rows > width
            && self.residual_df == rows - width
            && self.estimates.len() == width
            && self.fitted.len() == rows
            && self.centers.len() == width
            && self.inverse.is_valid_for(width)
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
        let mut sum = 0.0;
        let mut column = self.0.as_slice();
        let mut j = 0;
        while j < column.len() {
            let (entries, rest) = column.split_at(j + 1);
            let product: f64 = z
                .iter()
                .filter_map(|&(i, value)| entries.get(i).map(|entry| entry * value))
                .sum();
            sum += product * product;
            column = rest;
            j += 1;
        }
        sum
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
