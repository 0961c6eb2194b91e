//! Error by fish over the events, with the species and the model versions as spans.

use pipeline::EventTime;
use report::{FishRow, Report};
use serde::Serialize;

use super::check::check;
use super::retraining::{RetrainingMarks, retrainings};
use super::species::SpeciesIndex;
use super::{mean, name};
use crate::PlotError;

/// Everything that the figures over the events show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timeline {
    /// The mean relative error above which a window triggers.
    pub threshold: f64,
    /// The species, in the order of their first fish; marks name them by their place in it.
    pub species: Vec<String>,
    /// Every fish, in the order of measurement.
    pub fish: Vec<FishPoint>,
    /// Stretches of one species.
    pub bands: Vec<Band>,
    /// Stretches that one model version answered.
    pub models: Vec<ModelSpan>,
    /// What each trigger led to.
    pub retrainings: Vec<RetrainingMarks>,
}

/// A stretch of fish by position, both ends inclusive, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Position of the first fish.
    pub first: usize,
    /// Position of the last fish.
    pub last: usize,
}

/// One fish.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FishPoint {
    /// Its place in the order of measurement, from 1.
    pub position: usize,
    /// Its id.
    pub id: String,
    /// Its species' place among the timeline's species.
    pub species: usize,
    /// When it was measured, event time.
    pub measured: EventTime,
    /// Its relative error; none where it was not weighed or not joined.
    pub error: Option<f64>,
    /// The model version that answered.
    pub model_version: Option<String>,
    /// Whether the model had never seen its species.
    pub unseen_species: bool,
}

/// A stretch of fish of one species.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Band {
    /// Where.
    pub span: Span,
    /// The species' place among the timeline's species.
    pub species: usize,
    /// Mean relative error of its fish that have one.
    pub mean_error: Option<f64>,
}

/// A stretch of fish that one model version answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelSpan {
    /// Where.
    pub span: Span,
    /// The version; none where no prediction is known.
    pub version: Option<String>,
}

impl Timeline {
    /// The marks of a report.
    ///
    /// # Errors
    /// Where a number of the report cannot be drawn, such as a negative error.
    pub fn of(report: &Report) -> Result<Self, PlotError> {
        check(report)?;
        let rows = &report.fish_rows;
        let index = SpeciesIndex::of(report);
        let fish: Vec<_> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| FishPoint {
                position: at + 1,
                id: name(&row.id),
                species: index.number(&row.species),
                measured: row.measured,
                error: row.error,
                model_version: row.model_version.as_deref().map(name),
                unseen_species: row.unseen_species,
            })
            .collect();
        let bands = stretches(rows, |one, next| one.species == next.species)
            .map(|(span, stretch)| Band {
                span,
                species: stretch.first().map_or(0, |row| index.number(&row.species)),
                mean_error: mean(stretch.iter().filter_map(|row| row.error)),
            })
            .collect();
        let models = stretches(rows, |one, next| one.model_version == next.model_version)
            .map(|(span, stretch)| ModelSpan {
                span,
                version: stretch
                    .first()
                    .and_then(|row| row.model_version.as_deref().map(name)),
            })
            .collect();
        Ok(Self {
            threshold: report.threshold,
            species: index.names(),
            fish,
            bands,
            models,
            retrainings: retrainings(report),
        })
    }

    /// A species' name.
    pub fn species_name(&self, species: usize) -> &str {
        self.species.get(species).map_or("", String::as_str)
    }

    /// The id of the fish at a position, counted from 1.
    pub fn id(&self, position: usize) -> &str {
        self.at(position).map_or("", |fish| fish.id.as_str())
    }

    /// The fish at a position, counted from 1.
    pub fn at(&self, position: usize) -> Option<&FishPoint> {
        self.fish.get(position.checked_sub(1)?)
    }
}

/// Stretches of rows that are alike, with their positions.
fn stretches(
    rows: &[FishRow],
    alike: impl Fn(&FishRow, &FishRow) -> bool,
) -> impl Iterator<Item = (Span, &[FishRow])> {
    let mut next = 1;
    rows.chunk_by(alike).map(move |stretch| {
        let first = next;
        next += stretch.len();
        let last = next - 1;
        (Span { first, last }, stretch)
    })
}
