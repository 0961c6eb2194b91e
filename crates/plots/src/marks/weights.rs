//! Predicted against actual weight, by the model version that answered.

use report::Report;

use super::{check, cut, mean, species_numbers};
use crate::PlotError;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights {
    /// The mean relative error above which a window triggers.
    pub(crate) threshold: f64,
    /// Points name a species by its index here.
    pub(crate) species: Vec<String>,
    /// One for each model version, in the order of its first answer.
    pub(crate) panels: Vec<Panel>,
    /// How many fish lack a predicted or an actual weight.
    pub(crate) incomplete: usize,
}

/// The weighed fish of one model version, in the order of measurement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Panel {
    pub(crate) version: String,
    pub(crate) points: Vec<WeightPoint>,
    /// Mean relative error of the fish that have one.
    pub(crate) mean_error: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WeightPoint {
    pub(crate) id: String,
    pub(crate) species: usize,
    pub(crate) actual_kg: f64,
    pub(crate) predicted_kg: f64,
    error: Option<f64>,
}

impl Weights {
    /// # Errors
    /// If a number of the report cannot be drawn, such as an infinite weight.
    pub(crate) fn of(report: &Report) -> Result<Self, PlotError> {
        check(report)?;
        let (species, numbers) = species_numbers(report);
        let mut panels: Vec<(&str, Vec<WeightPoint>)> = Vec::new();
        let mut incomplete = 0;
        for row in &report.fish_rows {
            let weights = row.actual.zip(row.predicted);
            let Some((version, (actual_kg, predicted_kg))) =
                row.model_version.as_deref().zip(weights)
            else {
                incomplete += 1;
                continue;
            };
            let point = WeightPoint {
                id: cut(&row.id),
                species: numbers
                    .get(row.species.as_str())
                    .copied()
                    .unwrap_or_default(),
                actual_kg,
                predicted_kg,
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
            threshold: report.threshold,
            species,
            panels: panels.collect(),
            incomplete,
        })
    }

    pub(crate) fn species_name(&self, species: usize) -> &str {
        self.species.get(species).map_or("", String::as_str)
    }
}
