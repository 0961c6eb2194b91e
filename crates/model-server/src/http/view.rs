//! A version as the API returns it.

use regression::{Summary, t_quantile_975};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cause::Cause;
use crate::decision::Decision;
use crate::live::LiveModel;
use crate::version::{VersionInfo, model_time};

/// A model version with its statistics and the decisions on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct ModelView {
    /// Its id.
    pub model_version: String,
    /// When it was trained, by the wall clock: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub model_time: String,
    /// When its training began, by the wall clock.
    pub training_started: String,
    /// The formula that was fitted, in R's notation.
    pub formula: String,
    /// Whether it is live now.
    pub live: bool,
    /// Whether it stays live until it is unpinned.
    pub pinned: bool,
    /// Number of training rows.
    pub rows: u64,
    /// Number of newer rows that could not be used: a number was missing, not positive or too large, or
    /// another field was wrong.
    pub skipped_rows: u64,
    /// The oldest row's id.
    pub first_row: Option<String>,
    /// The newest row's id.
    pub last_row: Option<String>,
    /// Species of the training rows.
    pub species: Vec<String>,
    /// Leave-one-out mean absolute relative error on its training rows.
    pub loo_error: f64,
    /// The cause of the training.
    pub cause: Cause,
    /// Decisions on it, oldest first. `/models/live` returns only the decision that made it live.
    pub decisions: Vec<Decision>,
    /// The fit, with the numbers of R's `summary(lm)`.
    pub summary: FitView,
    /// The fit without species, which predicts for species that are not in the training rows; null if
    /// it is the same fit.
    pub pooled_summary: Option<FitView>,
}

/// A fit's statistics. A value that is not finite, as in a fit without residuals, is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct FitView {
    /// The formula.
    pub formula: String,
    /// The intercept's and each column's coefficient.
    pub coefficients: Vec<CoefficientView>,
    /// Multiple R².
    pub r_squared: Option<f64>,
    /// Adjusted R².
    pub adjusted_r_squared: Option<f64>,
    /// In kilograms.
    pub residual_standard_error: Option<f64>,
    /// Rows minus columns.
    pub residual_degrees_of_freedom: u64,
    /// F statistic of the test against the intercept alone.
    pub f_statistic: Option<f64>,
    /// Its p-value.
    pub f_p_value: Option<f64>,
}

/// A coefficient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct CoefficientView {
    /// The column: `(Intercept)`, `length`, `specieswalleye`, …
    pub term: String,
    /// The estimate.
    pub estimate: Option<f64>,
    /// Its standard error.
    pub std_error: Option<f64>,
    /// Lower end of its 95 % confidence interval, as in R's `confint`.
    pub lower95: Option<f64>,
    /// Its upper end.
    pub upper95: Option<f64>,
    /// Estimate divided by standard error.
    pub t_value: Option<f64>,
    /// Two-sided p-value.
    pub p_value: Option<f64>,
}

impl ModelView {
    /// A version as it is now.
    pub fn new(info: &VersionInfo, decisions: Vec<Decision>, live: Option<&LiveModel>) -> Self {
        let live = live.filter(|live| live.info.model_version == info.model_version);
        let (summary, pooled) = (info.model.summary(), info.model.pooled_summary());
        Self {
            model_version: info.model_version.clone(),
            model_time: model_time(info.trained),
            training_started: info.training_started.to_string(),
            formula: info.formula.clone(),
            live: live.is_some(),
            pinned: live.is_some_and(|live| live.activation.pinned),
            rows: info.rows,
            skipped_rows: info.skipped_rows,
            first_row: info.first_row.clone(),
            last_row: info.last_row.clone(),
            species: info.species.clone(),
            loo_error: info.loo_error,
            cause: info.cause.clone(),
            decisions,
            pooled_summary: (pooled.formula != summary.formula).then(|| FitView::of(&pooled)),
            summary: FitView::of(&summary),
        }
    }
}

impl FitView {
    fn of(summary: &Summary) -> Self {
        let f_test = summary.f_test.as_ref();
        let half = t_quantile_975(summary.residual_degrees_of_freedom as f64);
        Self {
            formula: summary.formula.to_string(),
            coefficients: summary
                .coefficients
                .iter()
                .map(|one| CoefficientView {
                    term: one.term.clone(),
                    estimate: finite(one.estimate),
                    std_error: finite(one.std_error),
                    lower95: finite(one.estimate - half * one.std_error),
                    upper95: finite(one.estimate + half * one.std_error),
                    t_value: finite(one.t_value),
                    p_value: finite(one.p_value),
                })
                .collect(),
            r_squared: finite(summary.r_squared),
            adjusted_r_squared: finite(summary.adjusted_r_squared),
            residual_standard_error: finite(summary.residual_standard_error),
            residual_degrees_of_freedom: summary.residual_degrees_of_freedom as u64,
            f_statistic: f_test.and_then(|test| finite(test.statistic)),
            f_p_value: f_test.and_then(|test| finite(test.p_value)),
        }
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
