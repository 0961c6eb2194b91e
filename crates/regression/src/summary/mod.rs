//! The statistics of R's `summary(lm)`.

mod number;
mod text;

use serde::Serialize;

use crate::{
    distribution::{f_upper, t_two_sided},
    formula::{Formula, Quoted},
    layout::SparseRow,
    model::{Fit, FittedModel},
};

/// A fit's statistics; `to_string()` formats them as R's `print(summary(lm))`, with random intercepts in
/// a similar form.
///
/// A perfect fit (all residuals zero) has standard errors of zero. Its t values and F are infinite,
/// or NaN for an estimate of zero; in JSON they are null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The formula of the fit, without factors that have one level.
    pub formula: Formula,
    /// One per column of the design matrix, the intercept first if there is one.
    pub coefficients: Vec<Coefficient>,
    /// Multiple R². NaN with random intercepts, for which it is not defined.
    pub r_squared: f64,
    /// R², adjusted for the number of columns. NaN with random intercepts.
    pub adjusted_r_squared: f64,
    /// The residual standard error, in the unit of the response with its function applied.
    pub residual_standard_error: f64,
    /// Rows minus columns.
    pub residual_degrees_of_freedom: usize,
    /// The number of rows.
    pub rows: usize,
    /// The test of all coefficients except the intercept; `None` if there is only the intercept, or if
    /// there are random intercepts.
    pub f_test: Option<FTest>,
    /// The random intercepts, if the formula has some. The coefficients are then the fixed effects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub random_intercepts: Option<RandomInterceptSummary>,
    /// Quantiles of the residuals.
    pub residual_quantiles: ResidualQuantiles,
    #[serde(skip)]
    residuals: Vec<f64>,
}

/// A line of the table of coefficients.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coefficient {
    /// The column of the design matrix as R writes it: `(Intercept)`, `length`, `originnorth`,
    /// `length:originnorth`.
    pub term: String,
    /// The estimate, in the response's unit per unit of the column.
    pub estimate: f64,
    /// The estimate's standard error.
    pub std_error: f64,
    /// Estimate divided by standard error.
    pub t_value: f64,
    /// Two-sided p-value, from Student's t with the residual degrees of freedom.
    pub p_value: f64,
}

/// The F test of a fit against its intercept alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FTest {
    /// The F statistic.
    pub statistic: f64,
    /// The number of columns without the intercept.
    pub numerator_degrees_of_freedom: usize,
    /// The residual degrees of freedom.
    pub denominator_degrees_of_freedom: usize,
    /// The probability of a statistic at least this large.
    pub p_value: f64,
}

/// The random intercepts of a fit by restricted maximum likelihood, as lme4's `lmer`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RandomInterceptSummary {
    /// The column whose levels have random intercepts.
    pub group: String,
    /// The standard deviation of the levels' effects.
    pub standard_deviation: f64,
    /// The standard deviation of the levels' effects divided by the residual standard error.
    pub theta: f64,
    /// lme4's REML criterion.
    pub reml_criterion: f64,
    /// One per level, in byte order.
    pub effects: Vec<GroupEffect>,
}

/// How far a level is from the population's line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupEffect {
    /// The level.
    pub level: String,
    /// Its number of training rows.
    pub rows: usize,
    /// The predicted difference, lme4's `ranef`.
    pub effect: f64,
}

/// Quantiles of the residuals, as R's `quantile` (type 7), in the response's unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResidualQuantiles {
    /// The smallest residual.
    pub min: f64,
    /// The 25 % quantile.
    pub first_quartile: f64,
    /// The 50 % quantile.
    pub median: f64,
    /// The 75 % quantile.
    pub third_quartile: f64,
    /// The largest residual.
    pub max: f64,
}

impl FittedModel {
    /// The summary of the fit.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.summarize(self.full(), self.fitted_formula())
    }

    /// The summary of the fit without factors, which predicts if the levels of all factors are unseen;
    /// equal to [`summary`](Self::summary) if no factor has more than one level.
    #[must_use]
    pub fn pooled_summary(&self) -> Summary {
        let factors: Vec<&str> = self
            .factors()
            .filter(|(name, levels)| levels.len() < 2 || self.formula.group() != Some(*name))
            .map(|(name, _)| name)
            .collect();
        self.summarize(self.pooled(), self.formula.without(&factors))
    }

    fn summarize(&self, fit: &Fit, formula: Formula) -> Summary {
        let linear = &fit.linear;
        let rows = self.rows();
        let columns = linear.estimates.len();
        let residual_df = linear.residual_df as f64;
        let residuals: Vec<f64> = self
            .transformed()
            .zip(&linear.fitted)
            .map(|(y, fitted)| y - fitted)
            .collect();

        // As in R, a fit without an intercept is compared with zero instead of the mean.
        let intercepts = usize::from(fit.layout.intercept);
        let mean = if fit.layout.intercept {
            linear.fitted.iter().sum::<f64>() / rows as f64
        } else {
            0.0
        };
        let model_squares: f64 = linear
            .fitted
            .iter()
            .map(|fitted| (fitted - mean).powi(2))
            .sum();
        let residual_squares: f64 = residuals.iter().map(|residual| residual.powi(2)).sum();
        let effects = columns - intercepts;
        let random_intercepts = self.random_intercepts(fit);
        let r_squared = if random_intercepts.is_some() {
            f64::NAN
        } else if effects > 0 {
            model_squares / (model_squares + residual_squares)
        } else {
            0.0
        };
        let f_test = (effects > 0 && random_intercepts.is_none()).then(|| {
            let statistic = model_squares / effects as f64 / (residual_squares / residual_df);
            FTest {
                statistic,
                numerator_degrees_of_freedom: effects,
                denominator_degrees_of_freedom: linear.residual_df,
                p_value: f_upper(statistic, effects as f64, residual_df),
            }
        });
        Summary {
            formula,
            coefficients: self.coefficients(fit),
            r_squared,
            adjusted_r_squared: 1.0 - (1.0 - r_squared) * (rows - intercepts) as f64 / residual_df,
            residual_standard_error: linear.residual_standard_error,
            residual_degrees_of_freedom: linear.residual_df,
            rows,
            f_test,
            random_intercepts,
            residual_quantiles: ResidualQuantiles::of(&residuals),
            residuals,
        }
    }

    fn random_intercepts(&self, fit: &Fit) -> Option<RandomInterceptSummary> {
        let random = fit.linear.random.as_ref()?;
        let (group, levels) = self.factors().nth(fit.layout.group?)?;
        let effects = levels.iter().zip(&random.counts).zip(&random.effects);
        Some(RandomInterceptSummary {
            group: group.to_owned(),
            standard_deviation: random.theta * fit.linear.residual_standard_error,
            theta: random.theta,
            reml_criterion: random.reml_criterion,
            effects: effects
                .map(|((level, rows), effect)| GroupEffect {
                    level: level.clone(),
                    rows: *rows,
                    effect: *effect,
                })
                .collect(),
        })
    }

    fn coefficients(&self, fit: &Fit) -> Vec<Coefficient> {
        let Fit { layout, linear } = fit;
        // As in a formula, R quotes names that are not plain words.
        let names = layout.names(&self.variables, |name| Quoted(name).to_string());
        names
            .into_iter()
            .enumerate()
            .map(|(column, term)| {
                // R reports the intercept for uncentred columns.
                let weights: SparseRow = if layout.intercept && column == 0 {
                    linear
                        .centers
                        .iter()
                        .enumerate()
                        .map(|(j, center)| (j, if j == 0 { 1.0 } else { -center }))
                        .collect()
                } else {
                    SparseRow::from_iter([(column, 1.0)])
                };
                let estimate = linear.value(&weights);
                let std_error =
                    linear.residual_standard_error * linear.inverse.quadratic_form(&weights).sqrt();
                let t_value = estimate / std_error;
                Coefficient {
                    term,
                    estimate,
                    std_error,
                    t_value,
                    p_value: t_two_sided(t_value, linear.residual_df as f64),
                }
            })
            .collect()
    }
}

impl ResidualQuantiles {
    fn of(residuals: &[f64]) -> Self {
        let mut sorted = residuals.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let quantile = |probability: f64| {
            let position = (sorted.len() - 1) as f64 * probability;
            let (below, above) = (position.floor() as usize, position.ceil() as usize);
            let share = position - position.floor();
            (1.0 - share) * sorted[below] + share * sorted[above]
        };
        Self {
            min: quantile(0.0),
            first_quartile: quantile(0.25),
            median: quantile(0.5),
            third_quartile: quantile(0.75),
            max: quantile(1.0),
        }
    }
}
