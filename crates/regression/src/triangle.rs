//! The inverse of the upper triangular R of a QR decomposition.
//!
//! With X = QR, (X'X)⁻¹ = R⁻¹R⁻ᵀ: a variance is the squared length of R⁻ᵀz. Written this way it keeps
//! the digits that forming X'X would lose, and it cannot become negative.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::terms::Active;

/// R⁻¹, upper triangular, column after column: entry (i, j), i ≤ j, is at j(j+1)/2 + i.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct InverseTriangle(Vec<f64>);

impl InverseTriangle {
    /// Inverts an upper triangular matrix without zeros on its diagonal.
    pub(crate) fn of(r: &Array2<f64>) -> Self {
        let width = r.ncols();
        let mut packed = Vec::with_capacity(packed_len(width));
        for j in 0..width {
            let start = packed.len();
            packed.resize(start + j + 1, 0.0);
            let column = &mut packed[start..];
            column[j] = 1.0 / r[(j, j)];
            for i in (0..j).rev() {
                let sum: f64 = (i + 1..=j).map(|k| r[(i, k)] * column[k]).sum();
                column[i] = -sum / r[(i, i)];
            }
        }
        Self(packed)
    }

    /// z'(X'X)⁻¹z. Reads only the entries that z touches.
    pub(crate) fn quadratic_form(&self, z: &Active) -> f64 {
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

    pub(crate) fn is_valid_for(&self, width: usize) -> bool {
        self.0.len() == packed_len(width) && self.0.iter().all(|entry| entry.is_finite())
    }
}

fn packed_len(width: usize) -> usize {
    width * (width + 1) / 2
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_quadratic_form_is_that_of_the_inverse_of_xtx() {
        // R = [[2, 1], [0, 4]]: R'R = [[4, 2], [2, 17]], whose inverse is [[17, -2], [-2, 4]] / 64.
        let inverse = InverseTriangle::of(&array![[2.0, 1.0], [0.0, 4.0]]);
        let z: Active = [(0, 3.0), (1, 5.0)].into_iter().collect();
        let expected = (17.0 * 9.0 - 2.0 * 2.0 * 15.0 + 4.0 * 25.0) / 64.0;
        assert!((inverse.quadratic_form(&z) - expected).abs() < 1e-14);
    }
}
