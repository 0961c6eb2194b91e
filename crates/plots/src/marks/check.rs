//! Refuses numbers that cannot be drawn, before they distort a scale.

use report::Report;

use crate::PlotError;

const ERROR: &str = "a relative error is a finite number, zero or more";
const WEIGHT: &str = "a weight is a finite number of kilograms";

/// Checks every number that a figure uses.
pub(crate) fn check(report: &Report) -> Result<(), PlotError> {
    if !(report.threshold.is_finite() && report.threshold > 0.0) {
        return Err(PlotError::Value {
            field: "threshold".into(),
            value: report.threshold,
            wanted: "a threshold is a finite number above zero",
        });
    }
    let relative = |value: f64| value.is_finite() && value >= 0.0;
    for (at, row) in report.fish_rows.iter().enumerate() {
        let numbers = [
            ("error", row.error, relative as fn(f64) -> bool, ERROR),
            ("actual", row.actual, f64::is_finite, WEIGHT),
            ("predicted", row.predicted, f64::is_finite, WEIGHT),
        ];
        for (name, value, accepts, wanted) in numbers {
            if let Some(value) = value.filter(|value| !accepts(*value)) {
                let field = format!("fish_rows[{at}].{name}");
                return Err(PlotError::Value {
                    field,
                    value,
                    wanted,
                });
            }
        }
    }
    for (at, one) in report.retrainings.iter().enumerate() {
        if !relative(one.error_avg) {
            return Err(PlotError::Value {
                field: format!("retrainings[{at}].error_avg"),
                value: one.error_avg,
                wanted: ERROR,
            });
        }
    }
    Ok(())
}
