//! A version as the model server's API returns it. Clients deserialize the same types.

use regression::{Summary, t_quantile_975};
use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::groups::Groups;
use crate::live::LiveModel;
use crate::log_entry::LogEntry;
use crate::version::{LeftOut, VersionInfo, model_time};

/// A model version with its statistics and the decisions on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct ModelView {
    /// The version's id.
    pub model_version: String,
    /// Wall-clock time when it was trained: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub model_time: String,
    /// Wall-clock time when its training started.
    pub training_started: String,
    /// The fitted formula, in R's notation.
    pub formula: String,
    /// Whether it is live now.
    pub live: bool,
    /// Whether it stays live until it is unpinned, regardless of triggers.
    pub pinned: bool,
    /// The number of training rows.
    pub rows: u64,
    /// Rows newer than the oldest training row that were skipped because a field is invalid.
    pub skipped_rows: u64,
    /// The id of the oldest row.
    pub first_row: Option<String>,
    /// The id of the newest row.
    pub last_row: Option<String>,
    /// The groups in the training rows, under the name of the group's field.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub groups: Groups,
    /// The levels with too few rows to be fitted. They count as unseen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Leave-one-out mean absolute relative error on the training rows.
    pub loo_error: f64,
    /// Why it was trained.
    pub cause: Cause,
    /// The decisions on it, oldest first. `GET /models/live` returns only the activation.
    pub decisions: Vec<LogEntry>,
    /// The statistics of R's `summary(lm)`.
    pub summary: FitView,
    /// The statistics of the pooled fit, which predicts for levels that the training rows do not
    /// contain; null if it equals `Summary`.
    pub pooled_summary: Option<FitView>,
}

/// A fit's statistics. Values that are not finite, as in a perfect fit, are null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct FitView {
    /// The formula, in R's notation.
    pub formula: String,
    /// The coefficients, the intercept first.
    pub coefficients: Vec<CoefficientView>,
    /// Multiple R².
    pub r_squared: Option<f64>,
    /// Adjusted R².
    pub adjusted_r_squared: Option<f64>,
    /// Residual standard error in kilograms.
    pub residual_standard_error: Option<f64>,
    /// Rows minus columns.
    pub residual_degrees_of_freedom: u64,
    /// F statistic of the test against the intercept alone.
    pub f_statistic: Option<f64>,
    /// p-value of the F statistic.
    pub f_p_value: Option<f64>,
}

/// A coefficient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct CoefficientView {
    /// The column: `(Intercept)`, `length`, `districtnorth`, …
    pub term: String,
    /// The estimate.
    pub estimate: Option<f64>,
    /// Standard error of the estimate.
    pub std_error: Option<f64>,
    /// Lower end of the 95 % confidence interval, as R's `confint`.
    pub lower95: Option<f64>,
    /// Upper end of the 95 % confidence interval.
    pub upper95: Option<f64>,
    /// Estimate divided by standard error.
    pub t_value: Option<f64>,
    /// Two-sided p-value.
    pub p_value: Option<f64>,
}

impl ModelView {
    /// A version with its decisions; `live` is the model that is live now.
    pub fn new(info: &VersionInfo, decisions: Vec<LogEntry>, live: Option<&LiveModel>) -> Self {
        let (summary, pooled) = (info.model.summary(), info.model.pooled_summary());
        Self {
            model_version: info.model_version.clone(),
            model_time: model_time(info.trained),
            training_started: info.training_started.to_string(),
            formula: info.formula.clone(),
            live: false,
            pinned: false,
            rows: info.rows,
            skipped_rows: info.skipped_rows,
            first_row: info.first_row.clone(),
            last_row: info.last_row.clone(),
            groups: info.groups.clone(),
            left_out: info.left_out.clone(),
            loo_error: info.loo_error,
            cause: info.cause.clone(),
            decisions: Vec::new(),
            pooled_summary: (pooled.formula != summary.formula).then(|| FitView::of(&pooled)),
            summary: FitView::of(&summary),
        }
        .now(decisions, live)
    }

    /// The same version with the decisions on it, and whether it is live.
    #[must_use]
    pub fn now(self, decisions: Vec<LogEntry>, live: Option<&LiveModel>) -> Self {
        let live = live.filter(|live| live.info.model_version == self.model_version);
        Self {
            live: live.is_some(),
            pinned: live.is_some_and(|live| live.activation.pinned),
            decisions,
            ..self
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
