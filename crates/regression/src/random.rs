//! Random intercepts of a fitted model: one for each level of the grouping factor.

use serde::{Deserialize, Serialize};

/// The random intercepts `(1 | group)` of a fit.
///
/// `theta` is the ratio of the standard deviation of the group effects to that of the residuals. In the
/// comments on formulas, n is the number of rows of a level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RandomIntercepts {
    pub(crate) theta: f64,
    pub(crate) reml_criterion: f64,
    /// For each level, the number of training rows.
    pub(crate) counts: Vec<usize>,
    /// For each level, the predicted difference from the population's line.
    pub(crate) effects: Vec<f64>,
    /// For each level, the means of the columns of the design matrix over its rows.
    pub(crate) means: Vec<f64>,
}

impl RandomIntercepts {
    /// The share of a level's mean residual that its effect keeps: nθ² / (1 + nθ²).
    pub(crate) fn shrinkage(&self, level: usize) -> f64 {
        self.counts[level] as f64 * self.effect_variance(level)
    }

    /// The variance of a level's effect given its rows and the fixed effects, in residual variances:
    /// θ² / (1 + nθ²). For a level without rows it is θ².
    pub(crate) fn effect_variance(&self, level: usize) -> f64 {
        let rows = self.counts.get(level).map_or(0.0, |count| *count as f64);
        let ratio = self.theta * self.theta;
        ratio / (1.0 + rows * ratio)
    }

    /// The effect of a level; 0 for a level without rows.
    pub(crate) fn effect(&self, level: usize) -> f64 {
        self.effects.get(level).copied().unwrap_or(0.0)
    }

    /// The column means of a level with rows.
    pub(crate) fn level_means(&self, level: usize) -> Option<&[f64]> {
        let width = self.means.len() / self.counts.len().max(1);
        self.means.get(level.checked_mul(width)?..)?.get(..width)
    }

    /// Whether there is one entry per level of a group, for `width` columns and `rows` rows.
    pub(crate) fn is_valid_for(&self, levels: usize, width: usize, rows: usize) -> bool {
        self.counts.len() == levels
            && self.counts.iter().sum::<usize>() == rows
            && !self.counts.contains(&0)
            && self.effects.len() == levels
            && self.means.len() == levels * width
            && self.theta >= 0.0
            && [self.theta, self.reml_criterion]
                .iter()
                .chain(&self.effects)
                .chain(&self.means)
                .all(|value| value.is_finite())
    }
}
