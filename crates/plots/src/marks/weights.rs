//! Predicted against actual weight, by the model version that answered.

use report::Report;
use serde::Serialize;

use super::check::check;
use super::species::SpeciesIndex;
use super::{mean, name};
use crate::PlotError;

/// Everything that the figure of weights shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Weights {
    /// The relative error above which a window's mean triggers.
    pub threshold: f64,
    /// The species, in the order of their first fish; points name them by their place in it.
    pub species: Vec<String>,
    /// One panel for each model version, in the order of its first answer.
    pub panels: Vec<Panel>,
    /// Fish that lack a predicted or an actual weight.
    pub incomplete: usize,
}

/// The fish that one version answered and that were weighed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Panel {
    /// The version.
    pub version: String,
    /// Its fish, in the order of measurement.
    pub points: Vec<WeightPoint>,
    /// Mean relative error of those that have one.
    pub mean_error: Option<f64>,
}

/// One fish.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WeightPoint {
    /// Its id.
    pub id: String,
    /// Its species' place among the species.
    pub species: usize,
    /// Actual weight in kilograms.
    pub actual_kg: f64,
    /// Predicted weight in kilograms.
    pub predicted_kg: f64,
}

impl Weights {
    /// The marks of a report.
    ///
    /// # Errors
    /// Where a number of the report cannot be drawn, such as an infinite weight.
    pub fn of(report: &Report) -> Result<Self, PlotError> {
        check(report)?;
        let index = SpeciesIndex::of(report);
        let mut panels: Vec<(Panel, Vec<f64>)> = Vec::new();
        let mut incomplete = 0;
        for row in &report.fish_rows {
            let known = row
                .model_version
                .as_ref()
                .zip(row.actual)
                .zip(row.predicted);
            let Some(((version, actual_kg), predicted_kg)) = known else {
                incomplete += 1;
                continue;
            };
            let at = panels
                .iter()
                .position(|(panel, _)| panel.version == *version);
            let at = at.unwrap_or_else(|| {
                let panel = Panel {
                    version: version.clone(),
                    points: Vec::new(),
                    mean_error: None,
                };
                panels.push((panel, Vec::new()));
                panels.len() - 1
            });
            if let Some((panel, errors)) = panels.get_mut(at) {
                errors.extend(row.error);
                panel.points.push(WeightPoint {
                    id: name(&row.id),
                    species: index.number(&row.species),
                    actual_kg,
                    predicted_kg,
                });
            }
        }
        let panels = panels.into_iter().map(|(panel, errors)| Panel {
            version: name(&panel.version),
            mean_error: mean(errors.into_iter()),
            ..panel
        });
        Ok(Self {
            threshold: report.threshold,
            species: index.names(),
            panels: panels.collect(),
            incomplete,
        })
    }

    /// A species' name.
    pub fn species_name(&self, species: usize) -> &str {
        self.species.get(species).map_or("", String::as_str)
    }
}
