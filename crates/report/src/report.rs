//! The report as a value: the JSON object that `--report FILE` writes.

use std::collections::BTreeMap;

use pipeline::EventTime;
use serde::{Deserialize, Serialize};

use crate::build::mean;
use crate::ledger::Fish;
use crate::phases::phases;

/// Whether the pipeline did its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every fish is accounted for; there was drift, and every drift ended.
    Recovered,
    /// Every fish is accounted for, and there was no drift.
    Steady,
    /// Anything else; see [`Report::reasons`].
    Failed,
}

/// The report of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Whether the pipeline did its job.
    pub verdict: Verdict,
    /// Why the verdict is `failed`; empty otherwise.
    pub reasons: Vec<String>,
    /// The mean relative error above which a window triggers.
    pub threshold: f64,
    /// How many fish passed each step.
    pub fish: FishCounts,
    /// Stretches of consecutive fish of one species, in order of measurement.
    pub phases: Vec<Phase>,
    /// The triggers and their outcomes, in order of their windows.
    pub retrainings: Vec<Retraining>,
    /// The first fish of a drift that has not ended; null if there is none.
    #[serde(default)]
    pub open_drift: Option<String>,
    /// Mean relative error of the fish since the last recovery; null if no drift ended.
    pub mean_error_after_recovery: Option<f64>,
    /// The fish in order of measurement.
    pub fish_rows: Vec<FishRow>,
    /// Duration of the run by the wall clock.
    pub wall_seconds: f64,
    /// Wall-clock seconds from the predictor's first partition assignment to the first prediction on
    /// its topic; null if the start was not observed.
    #[serde(default)]
    pub first_prediction_seconds: Option<f64>,
    /// The peak resident memory of the process; null if the operating system does not report it.
    pub peak_memory_bytes: Option<u64>,
}

impl Report {
    /// This report restricted to its newest `fish` fish, and to the retrainings whose windows overlap
    /// with them. The counts still cover all fish. For pictures of an endless run.
    #[must_use]
    pub fn newest(&self, fish: usize) -> Self {
        let surplus = self.fish_rows.len().saturating_sub(fish);
        let fish_rows = self.fish_rows.get(surplus..).unwrap_or_default().to_vec();
        let first_weighed = fish_rows.iter().filter_map(|row| row.weighed).min();
        let mut retrainings = self.retrainings.clone();
        if surplus > 0 {
            retrainings.retain(|one| first_weighed.is_some_and(|first| first < one.window_end));
        }
        Self {
            phases: phases(fish_rows.iter()),
            fish_rows,
            retrainings,
            reasons: self.reasons.clone(),
            open_drift: self.open_drift.clone(),
            ..*self
        }
    }
}

/// How many fish passed each step; each fish counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FishCounts {
    /// With a measurement.
    pub measured: u64,
    /// With a prediction.
    pub predicted: u64,
    /// With a weight.
    pub weighed: u64,
    /// With a row of predicted and actual weight.
    pub joined: u64,
    /// With a row in the store; null if the store did not answer.
    pub stored: Option<u64>,
    /// Repeated records: each record of a fish after its first one on a topic.
    pub duplicates: u64,
    /// Records on dead-letter topics.
    pub dead_letters: u64,
    /// Records that could not be read. They are also on a dead-letter topic or in the SQL engine's
    /// processing log.
    pub unreadable: u64,
}

/// Consecutive fish of one species.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// The species.
    pub species: String,
    /// Id of its first fish.
    pub first_fish: String,
    /// Id of its last fish.
    pub last_fish: String,
    /// How many fish it has.
    pub fish: u64,
    /// Mean relative error of its joined fish.
    pub mean_error: Option<f64>,
    /// The model versions that predicted its fish, in order of appearance.
    pub model_versions: Vec<String>,
}

/// A trigger and its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retraining {
    /// Start of the window that triggered, event time, inclusive.
    pub window_start: EventTime,
    /// End of the window, event time, exclusive.
    pub window_end: EventTime,
    /// Mean relative error of the window's fish.
    pub error_avg: f64,
    /// Id of the window's first fish by event time.
    pub fish_id_start: String,
    /// Id of the window's last fish by event time.
    pub fish_id_end: String,
    /// The species in the window.
    pub species: Vec<String>,
    /// The version with this error.
    pub erring_version: String,
    /// Why the error was high.
    #[serde(default)]
    pub cause: DriftCause,
    /// How many rows the new version was trained on; null if none was trained.
    pub rows: Option<u64>,
    /// The species among those rows.
    pub trained_species: Vec<String>,
    /// Id of the oldest fish among the training rows.
    pub first_row: Option<String>,
    /// Id of the newest fish among the training rows.
    pub last_row: Option<String>,
    /// The new version.
    pub version: Option<String>,
    /// `activated`, `rejected`, `superseded`, …; null if there is no decision yet.
    pub outcome: Option<String>,
    /// When training started, wall clock.
    pub started: Option<EventTime>,
    /// When training ended, wall clock.
    pub ended: Option<EventTime>,
    /// The first fish of the drift that this retraining ended; null if it ended none.
    pub first_fish_drifted: Option<String>,
    /// The first fish that was predicted well again; null if it ended no drift.
    pub first_fish_recovered: Option<String>,
    /// How many fish were measured from the former to the latter; null if it ended no drift.
    pub fish_to_recovery: Option<u64>,
    /// Seconds of event time between their measurements; null if it ended no drift.
    pub event_seconds_to_recovery: Option<f64>,
}

/// The fish of a window compared with the training rows of the erring version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DriftCause {
    /// How many fish the SQL counted in the window.
    pub fish: u64,
    /// The species in the window, the largest contributor to the error first. Empty if some fish of
    /// the window are unknown.
    pub species: Vec<SpeciesError>,
    /// The features that the version was trained on, in the order of its training columns. Empty if
    /// the training rows are unknown.
    pub features: Vec<FeatureShift>,
}

/// The error of one species in a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpeciesError {
    /// The species.
    pub species: String,
    /// How many fish of the window belong to it.
    pub fish: u64,
    /// Their mean relative error.
    pub mean_error: f64,
    /// How many training rows belong to it: 0 if the version was not trained on the species; null if
    /// the training rows are unknown.
    pub training_rows: Option<u64>,
}

impl SpeciesError {
    /// One entry for each species of `errors`, the largest contributor to the sum of errors first.
    pub(crate) fn by_contribution(
        errors: BTreeMap<&str, Vec<f64>>,
        training_rows: impl Fn(&str) -> Option<u64>,
    ) -> Vec<Self> {
        let species = errors.into_iter().filter_map(|(species, errors)| {
            Some(Self {
                species: species.to_owned(),
                fish: errors.len() as u64,
                mean_error: mean(errors.into_iter())?,
                training_rows: training_rows(species),
            })
        });
        let mut species: Vec<_> = species.collect();
        let contribution = |one: &Self| one.mean_error * one.fish as f64;
        species.sort_by(|one, other| contribution(other).total_cmp(&contribution(one)));
        species
    }
}

/// How far the values of a feature in a window are from those of the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureShift {
    /// The name of the training column.
    pub feature: String,
    /// Its mean over the window's fish, in the feature's unit.
    pub mean: f64,
    /// Its mean over the training rows.
    pub training_mean: f64,
    /// Its sample standard deviation over the training rows; null for fewer than two rows.
    pub training_sd: Option<f64>,
    /// The difference of the means (window minus training) in standard deviations; null if the
    /// training rows do not vary.
    pub shift_sd: Option<f64>,
}

/// One fish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FishRow {
    /// Its id.
    pub id: String,
    /// Its species.
    pub species: String,
    /// When it was measured, event time.
    pub measured: EventTime,
    /// When it was weighed, event time.
    pub weighed: Option<EventTime>,
    /// Predicted weight in kilograms.
    pub predicted: Option<f64>,
    /// Actual weight in kilograms.
    pub actual: Option<f64>,
    /// Relative error as the SQL computed it.
    pub error: Option<f64>,
    /// The model version that predicted it.
    pub model_version: Option<String>,
    /// Whether that version was not trained on its species, so that the pooled fit answered.
    pub unseen_species: bool,
}

impl FishRow {
    /// The row of a fish; `None` if it was not measured.
    pub(crate) fn of(fish: &Fish) -> Option<Self> {
        Some(Self {
            id: fish.id().to_owned(),
            species: fish.species().unwrap_or_default().to_owned(),
            measured: fish.measured()?,
            weighed: fish.weighed(),
            predicted: fish.predicted_kg(),
            actual: fish.actual_kg(),
            error: fish.error(),
            model_version: fish.model_version().map(str::to_owned),
            unseen_species: fish.unseen_species(),
        })
    }
}
