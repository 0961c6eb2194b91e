//! Predicted against actual value, by the model version that answered.

use report::Report;

use super::{check, cut, group_numbers, mean};
use crate::PlotError;
use crate::draw::Words;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights {
    pub(crate) words: Words,
    /// The mean error above which a window triggers.
    pub(crate) threshold: f64,
    /// Points name a group by its index here.
    pub(crate) groups: Vec<String>,
    /// One for each model version, in the order of its first answer.
    pub(crate) panels: Vec<Panel>,
    /// How many records lack a predicted or an actual value.
    pub(crate) incomplete: usize,
}

/// The joined records of one model version, in the order of measurement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Panel {
    pub(crate) version: String,
    pub(crate) points: Vec<WeightPoint>,
    /// Mean error of the records that have one.
    pub(crate) mean_error: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WeightPoint {
    pub(crate) id: String,
    pub(crate) group: usize,
    pub(crate) actual: f64,
    pub(crate) predicted: f64,
    error: Option<f64>,
}

impl Weights {
    /// # Errors
    /// If a number of the report cannot be drawn, such as an infinite weight.
    pub(crate) fn of(report: &Report) -> Result<Self, PlotError> {
        check(report)?;
        let (groups, numbers) = group_numbers(report);
        let mut panels: Vec<(&str, Vec<WeightPoint>)> = Vec::new();
        let mut incomplete = 0;
        for row in &report.record_rows {
            let weights = row.actual.zip(row.predicted);
            let Some((version, (actual, predicted))) = row.model_version.as_deref().zip(weights)
            else {
                incomplete += 1;
                continue;
            };
            let number = |group: &str| numbers.get(group).copied();
            let group = row.group.as_deref();
            let point = WeightPoint {
                id: cut(&row.id),
                group: group.and_then(number).unwrap_or_default(),
                actual,
                predicted,
                error: row.error,
            };
            match panels.iter_mut().find(|(known, _)| *known == version) {
                Some((_, points)) => points.push(point),
                None => panels.push((version, vec![point])),
            }
        }
        let panels = panels.into_iter().map(|(version, points)| Panel {
            version: cut(version),
            mean_error: mean(points.iter().filter_map(|point| point.error)),
            points,
        });
        Ok(Self {
            words: Words(report.definition),
            threshold: report.threshold,
            groups,
            panels: panels.collect(),
            incomplete,
        })
    }

    pub(crate) fn group_name(&self, group: usize) -> &str {
        self.groups.get(group).map_or("", String::as_str)
    }
}
