//! What to draw, without pixel coordinates. Positions count fish in the order of measurement, from 1.

mod retraining;
mod timeline;
mod weights;

use std::collections::HashMap;

use report::Report;

use crate::PlotError;

pub(crate) use retraining::RetrainingMarks;
pub(crate) use timeline::{Band, FishPoint, Span, Timeline};
pub(crate) use weights::{Panel, WeightPoint, Weights};

/// Longest name that is drawn, in characters. A record may contain any text.
const LONGEST: usize = 64;

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Species are numbered in the order of their first fish.
fn species_numbers(report: &Report) -> (Vec<String>, HashMap<&str, usize>) {
    let mut names = Vec::new();
    let mut numbers = HashMap::new();
    for row in &report.fish_rows {
        numbers.entry(row.species.as_str()).or_insert_with(|| {
            names.push(cut(&row.species));
            names.len() - 1
        });
    }
    (names, numbers)
}

/// Rejects a report with a number that would distort a scale.
fn check(report: &Report) -> Result<(), PlotError> {
    const ERROR: &str = "zero or more, and finite";
    const WEIGHT: &str = "a finite number of kilograms";
    let reject = |field: String, value, expected| {
        Err(PlotError::Value {
            field,
            value,
            expected,
        })
    };
    let is_error = |value: f64| value.is_finite() && value >= 0.0;
    let threshold = report.threshold;
    if !(is_error(threshold) && threshold > 0.0) {
        return reject("threshold".into(), threshold, "above zero, and finite");
    }
    for (at, row) in report.fish_rows.iter().enumerate() {
        let numbers = [
            ("error", row.error, is_error as fn(f64) -> bool, ERROR),
            ("actual", row.actual, f64::is_finite, WEIGHT),
            ("predicted", row.predicted, f64::is_finite, WEIGHT),
        ];
        for (name, value, accepts, expected) in numbers {
            if let Some(value) = value.filter(|value| !accepts(*value)) {
                return reject(format!("fish_rows[{at}].{name}"), value, expected);
            }
        }
    }
    for (at, one) in report.retrainings.iter().enumerate() {
        if !is_error(one.error_avg) {
            return reject(format!("retrainings[{at}].error_avg"), one.error_avg, ERROR);
        }
    }
    Ok(())
}
