//! Random intercepts by restricted maximum likelihood (REML), as lme4's `lmer`.
//!
//! The model is y = Xβ + b(group) + ε, where the effects b have θ times the standard deviation of ε.
//! For a given θ, β follows from least squares with the covariance V = I + θ²ZZ', where Z has a column
//! for each group. So there is one dimension to search.
//!
//! Every quantity that depends on θ is a sum of a part within groups, which is computed once, and a part
//! between groups with the weights n / (1 + nθ²). An evaluation takes time proportional to the number of
//! groups, not of rows, and subtracts no large numbers. X is replaced by the orthonormal Q of X = QR, and
//! y by its residuals of ordinary least squares, so that nearly collinear columns keep their digits.

use super::{FitError, solver_error};
use crate::{
    layout::SparseRow,
    linear_fit::{InverseTriangle, LinearFit},
    random::RandomIntercepts,
};

/// The search for θ starts with these powers of ten and the steps between them.
const DECADES: std::ops::RangeInclusive<i32> = -4..=6;
const STEPS_PER_DECADE: i32 = 4;
/// Halvings of the interval that contains the best θ of the first search.
const HALVINGS: usize = 50;

/// Turns an ordinary least squares fit of the fixed effects into a fit with random intercepts.
///
/// `rows` are those of the design matrix; `group_of_row` are indices below `groups`, each of which has a
/// row.
pub(super) fn add_random_intercepts(
    fixed: LinearFit,
    rows: &[SparseRow],
    group_of_row: &[usize],
    groups: usize,
    y: &[f64],
) -> Result<LinearFit, FitError> {
    let width = fixed.estimates.len();
    // Each row of Q, followed by the residual of ordinary least squares.
    let mut data: Vec<Vec<f64>> = rows
        .iter()
        .zip(y.iter().zip(&fixed.fitted))
        .map(|(row, (y, fitted))| {
            let mut line: Vec<f64> = fixed.inverse.apply(row).collect();
            line.push(y - fitted);
            line
        })
        .collect();
    let sums = GroupSums::new(&mut data, group_of_row, groups, &fixed);
    let variance_ratio = sums.best_variance_ratio().ok_or_else(solver_error)?;
    let solution = sums.solve(variance_ratio).ok_or_else(solver_error)?;

    let means = column_means(rows, group_of_row, &sums.counts, width);
    let mut fit = LinearFit {
        estimates: fixed
            .estimates
            .iter()
            .zip(fixed.inverse.times_vector(&solution.shift))
            .map(|(estimate, shift)| estimate + shift)
            .collect(),
        inverse: fixed.inverse.times(&solution.factor.inverse_of_transpose()),
        residual_standard_error: (solution.squares / sums.residual_df).sqrt(),
        fitted: Vec::new(),
        random: None,
        ..fixed
    };
    let mut random = RandomIntercepts {
        theta: variance_ratio.sqrt(),
        reml_criterion: solution.criterion,
        counts: sums.counts.clone(),
        effects: Vec::new(),
        means,
    };
    random.effects = (0..groups)
        .map(|group| random.shrinkage(group) * sums.mean_residual(group, &solution.shift))
        .collect();
    fit.fitted = rows
        .iter()
        .zip(group_of_row)
        .map(|(row, group)| fit.value(row) + random.effects[*group])
        .collect();
    fit.random = Some(random);
    Ok(fit)
}

/// The means of the columns of the design matrix over each group's rows, group after group.
fn column_means(
    rows: &[SparseRow],
    group_of_row: &[usize],
    counts: &[usize],
    width: usize,
) -> Vec<f64> {
    let mut means = vec![0.0; counts.len() * width];
    for (row, group) in rows.iter().zip(group_of_row) {
        for (column, value) in row {
            means[group * width + column] += value / counts[*group] as f64;
        }
    }
    means
}

/// What the likelihood needs of the rows. A line has the entries of a row of Q, then its residual.
struct GroupSums {
    /// The number of columns of X.
    width: usize,
    counts: Vec<usize>,
    /// The mean line of each group.
    means: Vec<Vec<f64>>,
    /// The cross products of lines minus their group's mean, row after row.
    within: Vec<f64>,
    residual_df: f64,
    /// ln |X'X|.
    log_determinant: f64,
}

/// The best fit for one variance ratio.
struct Solution {
    /// What is added to the coefficients of Q.
    shift: Vec<f64>,
    /// The Cholesky factor of Q'V⁻¹Q.
    factor: Triangle,
    /// The weighted residual sum of squares.
    squares: f64,
    /// lme4's REML criterion: −2 times the logarithm of the restricted likelihood.
    criterion: f64,
    /// The derivative of the criterion with respect to the variance ratio θ².
    slope: f64,
}

impl GroupSums {
    fn new(
        lines: &mut [Vec<f64>],
        group_of_row: &[usize],
        groups: usize,
        fixed: &LinearFit,
    ) -> Self {
        let width = fixed.estimates.len();
        let mut counts = vec![0; groups];
        let mut means = vec![vec![0.0; width + 1]; groups];
        for (line, group) in lines.iter().zip(group_of_row) {
            counts[*group] += 1;
            for (mean, value) in means[*group].iter_mut().zip(line) {
                *mean += value;
            }
        }
        for (mean, count) in means.iter_mut().zip(&counts) {
            mean.iter_mut().for_each(|sum| *sum /= *count as f64);
        }
        let mut within = vec![0.0; (width + 1) * (width + 1)];
        for (line, group) in lines.iter_mut().zip(group_of_row) {
            for (value, mean) in line.iter_mut().zip(&means[*group]) {
                *value -= mean;
            }
            add_square(&mut within, line, 1.0);
        }
        Self {
            width,
            counts,
            means,
            within,
            residual_df: fixed.residual_df as f64,
            log_determinant: -2.0 * fixed.inverse.log_determinant(),
        }
    }

    /// The weight n / (1 + nθ²) of each group.
    fn weights(&self, variance_ratio: f64) -> impl Iterator<Item = f64> {
        self.counts.iter().map(move |count| {
            let count = *count as f64;
            count / (1.0 + count * variance_ratio)
        })
    }

    /// The best fit for one variance ratio; `None` if rounding makes it unsolvable.
    fn solve(&self, variance_ratio: f64) -> Option<Solution> {
        let (width, side) = (self.width, self.width + 1);
        let mut products = self.within.clone();
        for (mean, weight) in self.means.iter().zip(self.weights(variance_ratio)) {
            add_square(&mut products, mean, weight);
        }
        // The last row of the Cholesky factor of all products is the solution's right-hand side.
        let factor = Triangle::cholesky(width, |i, j| products[i * side + j])?;
        let right: Vec<f64> = products[width * side..][..width].to_vec();
        let half_solved = factor.solve(&right);
        let squares =
            products[width * side + width] - half_solved.iter().map(|z| z * z).sum::<f64>();
        let shift = factor.solve_transposed(&half_solved);
        // Residuals that are all zero have no likelihood.
        let squares = squares.max(f64::MIN_POSITIVE);

        let mut slope = 0.0;
        let mut log_variances = 0.0;
        for (group, weight) in self.weights(variance_ratio).enumerate() {
            let mean = &self.means[group][..width];
            let leverage: f64 = factor.solve(mean).iter().map(|z| z * z).sum();
            let residual = self.mean_residual(group, &shift);
            slope += weight
                * (1.0 - weight * (leverage + self.residual_df * residual * residual / squares));
            log_variances += (self.counts[group] as f64 * variance_ratio).ln_1p();
        }
        let mean_square = squares / self.residual_df;
        let criterion = self.residual_df * (1.0 + (std::f64::consts::TAU * mean_square).ln())
            + log_variances
            + factor.log_determinant() * 2.0
            + self.log_determinant;
        Some(Solution {
            shift,
            factor,
            squares,
            criterion,
            slope,
        })
    }

    /// A group's mean residual of the fixed effects.
    fn mean_residual(&self, group: usize, shift: &[f64]) -> f64 {
        let mean = &self.means[group];
        let fixed: f64 = mean.iter().zip(shift).map(|(q, shift)| q * shift).sum();
        mean[self.width] - fixed
    }

    /// The variance ratio θ² with the smallest criterion: the best of a coarse search, then the zero of
    /// the derivative beside it.
    fn best_variance_ratio(&self) -> Option<f64> {
        let steps = DECADES.start() * STEPS_PER_DECADE..=DECADES.end() * STEPS_PER_DECADE;
        let exponent = |step: i32| f64::from(step) / f64::from(STEPS_PER_DECADE);
        let ratio = |exponent: f64| 10_f64.powf(2.0 * exponent);
        let zero = self.solve(0.0)?;
        let mut best = (None, zero.criterion);
        for step in steps.clone() {
            let criterion = self.solve(ratio(exponent(step)))?.criterion;
            if criterion < best.1 {
                best = (Some(step), criterion);
            }
        }
        let Some(step) = best.0 else {
            if zero.slope >= 0.0 {
                return Some(0.0);
            }
            // The best ratio is between 0 and the smallest one tried.
            let first = ratio(exponent(*steps.start()));
            return self.zero_of_slope(0.0, first, |low, high| (low + high) / 2.0);
        };
        if step == *steps.end() {
            return Some(ratio(exponent(step)));
        }
        let (low, high) = (exponent(step - 1), exponent(step + 1));
        let best = ratio(exponent(step));
        let (low, high) = if self.solve(best)?.slope > 0.0 {
            (ratio(low), best)
        } else {
            (best, ratio(high))
        };
        self.zero_of_slope(low, high, |low, high| (low * high).sqrt())
    }

    /// Halves an interval at whose lower end the criterion falls and at whose upper end it rises.
    fn zero_of_slope(
        &self,
        mut low: f64,
        mut high: f64,
        middle: impl Fn(f64, f64) -> f64,
    ) -> Option<f64> {
        for _ in 0..HALVINGS {
            let ratio = middle(low, high);
            if self.solve(ratio)?.slope > 0.0 {
                high = ratio;
            } else {
                low = ratio;
            }
        }
        Some(middle(low, high))
    }
}

/// Adds `weight` times the products of a line's entries to a matrix of as many rows and columns.
fn add_square(products: &mut [f64], line: &[f64], weight: f64) {
    for (i, left) in line.iter().enumerate() {
        let scaled = left * weight;
        let target = &mut products[i * line.len()..][..line.len()];
        for (sum, right) in target.iter_mut().zip(line) {
            *sum += scaled * right;
        }
    }
}

/// A lower triangular matrix, row after row.
struct Triangle {
    width: usize,
    entries: Vec<f64>,
}

impl Triangle {
    /// The Cholesky factor L of a positive definite matrix LL'.
    fn cholesky(width: usize, matrix: impl Fn(usize, usize) -> f64) -> Option<Self> {
        let mut factor = Self {
            width,
            entries: vec![0.0; width * width],
        };
        for i in 0..width {
            for j in 0..=i {
                let (left, right) = (factor.row(i), factor.row(j));
                let sum: f64 = left[..j].iter().zip(right).map(|(l, r)| l * r).sum();
                let rest = matrix(i, j) - sum;
                factor.entries[i * width + j] = if i > j {
                    rest / right[j]
                } else if rest > 0.0 {
                    rest.sqrt()
                } else {
                    return None;
                };
            }
        }
        Some(factor)
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.entries[i * self.width..][..self.width]
    }

    /// L⁻¹v.
    fn solve(&self, v: &[f64]) -> Vec<f64> {
        let mut solution: Vec<f64> = Vec::with_capacity(self.width);
        for (i, value) in v.iter().enumerate() {
            let row = self.row(i);
            let sum: f64 = row.iter().zip(&solution).map(|(l, z)| l * z).sum();
            solution.push((value - sum) / row[i]);
        }
        solution
    }

    /// L⁻ᵀv.
    fn solve_transposed(&self, v: &[f64]) -> Vec<f64> {
        let mut solution = v.to_vec();
        for i in (0..self.width).rev() {
            let sum: f64 = (i + 1..self.width)
                .map(|k| self.row(k)[i] * solution[k])
                .sum();
            solution[i] = (solution[i] - sum) / self.row(i)[i];
        }
        solution
    }

    /// L⁻ᵀ.
    fn inverse_of_transpose(&self) -> InverseTriangle {
        InverseTriangle::of(self.width, |i, j| self.row(j)[i])
    }

    /// ln |L|.
    fn log_determinant(&self) -> f64 {
        (0..self.width).map(|i| self.row(i)[i].ln()).sum()
    }
}
