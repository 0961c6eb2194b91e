//! Error by fish, with runs of one species and of one model version as spans.

use pipeline::EventTime;
use report::{FishRow, Report};

use super::retraining::{RetrainingMarks, retrainings};
use super::{check, cut, mean, species_numbers};
use crate::PlotError;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Timeline {
    /// The mean relative error above which a window triggers.
    pub(crate) threshold: f64,
    /// Other marks name a species by its index here.
    pub(crate) species: Vec<String>,
    /// All fish, in the order of measurement.
    pub(crate) fish: Vec<FishPoint>,
    /// Runs of one species.
    pub(crate) bands: Vec<Band>,
    /// Runs of fish that one model version answered.
    pub(crate) models: Vec<ModelSpan>,
    pub(crate) retrainings: Vec<RetrainingMarks>,
}

/// Fish by position, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Span {
    /// The span between two positions in any order.
    pub(super) fn between(one: usize, other: usize) -> Self {
        Self {
            first: one.min(other),
            last: one.max(other),
        }
    }

    pub(crate) fn len(self) -> u64 {
        (self.last - self.first + 1) as u64
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FishPoint {
    pub(crate) position: usize,
    pub(crate) id: String,
    pub(crate) species: usize,
    pub(crate) measured: EventTime,
    /// Relative error; `None` before the fish is weighed and joined.
    pub(crate) error: Option<f64>,
    /// The model version that answered.
    pub(crate) model_version: Option<String>,
    /// Whether the model had never seen the species.
    pub(crate) unseen_species: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Band {
    pub(crate) span: Span,
    pub(crate) species: usize,
    /// Mean relative error of the fish that have one.
    pub(crate) mean_error: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModelSpan {
    pub(crate) span: Span,
    /// `None` if no prediction is known.
    pub(crate) version: Option<String>,
}

impl Timeline {
    /// # Errors
    /// If a number of the report cannot be drawn, such as a negative error.
    pub(crate) fn of(report: &Report) -> Result<Self, PlotError> {
        check(report)?;
        let rows = &report.fish_rows;
        let (species, numbers) = species_numbers(report);
        let number = |row: &FishRow| numbers.get(row.species.as_str()).copied();
        let fish = rows.iter().enumerate().map(|(at, row)| FishPoint {
            position: at + 1,
            id: cut(&row.id),
            species: number(row).unwrap_or_default(),
            measured: row.measured,
            error: row.error,
            model_version: row.model_version.as_deref().map(cut),
            unseen_species: row.unseen_species,
        });
        let bands = runs(rows, |one, next| one.species == next.species);
        let bands = bands.map(|(span, run)| Band {
            span,
            species: run.first().and_then(number).unwrap_or_default(),
            mean_error: mean(run.iter().filter_map(|row| row.error)),
        });
        let models = runs(rows, |one, next| one.model_version == next.model_version);
        let models = models.map(|(span, run)| ModelSpan {
            span,
            version: run
                .first()
                .and_then(|row| row.model_version.as_deref().map(cut)),
        });
        Ok(Self {
            threshold: report.threshold,
            fish: fish.collect(),
            bands: bands.collect(),
            models: models.collect(),
            species,
            retrainings: retrainings(report),
        })
    }

    pub(crate) fn species_name(&self, species: usize) -> &str {
        self.species.get(species).map_or("", String::as_str)
    }

    /// The id of the fish at a position.
    pub(crate) fn id(&self, position: usize) -> &str {
        self.at(position).map_or("", |fish| fish.id.as_str())
    }

    /// The fish at a position.
    pub(crate) fn at(&self, position: usize) -> Option<&FishPoint> {
        self.fish.get(position.checked_sub(1)?)
    }
}

/// Runs of rows that are alike, with their positions.
fn runs(
    rows: &[FishRow],
    alike: impl Fn(&FishRow, &FishRow) -> bool,
) -> impl Iterator<Item = (Span, &[FishRow])> {
    let mut next = 1;
    rows.chunk_by(alike).map(move |run| {
        let first = next;
        next += run.len();
        let last = next - 1;
        (Span { first, last }, run)
    })
}
