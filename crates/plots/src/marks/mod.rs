//! What to draw, without pixel coordinates. Positions count records in the order of measurement, from 1.

mod retraining;
mod timeline;
mod weights;

use std::cmp::Reverse;
use std::collections::HashMap;

use report::{NAMED_GROUPS, Report, printable};

use crate::PlotError;

pub(crate) use retraining::RetrainingMarks;
pub(crate) use timeline::{Band, RecordPoint, Span, Timeline};
pub(crate) use weights::{Panel, WeightPoint, Weights};

/// Longest name that is drawn, in characters. A record may contain any text.
const LONGEST: usize = 64;

fn cut(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Groups are numbered in the order of their first record; those of many groups by their number of records, the
/// largest first. There are none without a group.
fn group_numbers(report: &Report) -> (Vec<String>, HashMap<&str, usize>) {
    let mut positions: HashMap<&str, usize> = HashMap::new();
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for group in report
        .record_rows
        .iter()
        .filter_map(|row| row.group.as_deref())
    {
        let at = *positions.entry(group).or_insert(counts.len());
        match counts.get_mut(at) {
            Some((_, count)) => *count += 1,
            None => counts.push((group, 1)),
        }
    }
    if counts.len() > NAMED_GROUPS {
        counts.sort_by_key(|(_, count)| Reverse(*count));
    }
    let numbers = counts.iter().enumerate();
    let numbers = numbers
        .map(|(number, (group, _))| (*group, number))
        .collect();
    (
        counts.iter().map(|(group, _)| cut(group)).collect(),
        numbers,
    )
}

/// Rejects a report with a number that would distort a scale.
fn check(report: &Report) -> Result<(), PlotError> {
    const ERROR: &str = "zero or more, and finite";
    const VALUE: &str = "a finite number";
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
    for (at, row) in report.record_rows.iter().enumerate() {
        let numbers = [
            ("error", row.error, is_error as fn(f64) -> bool, ERROR),
            ("actual", row.actual, f64::is_finite, VALUE),
            ("predicted", row.predicted, f64::is_finite, VALUE),
        ];
        for (name, value, accepts, expected) in numbers {
            if let Some(value) = value.filter(|value| !accepts(*value)) {
                return reject(
                    format!("{}[{at}].{name}", report.rows_key()),
                    value,
                    expected,
                );
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
