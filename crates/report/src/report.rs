//! The report as a value: what `--report FILE` writes as one JSON object.

use pipeline::EventTime;
use serde::{Deserialize, Serialize};

/// Whether the pipeline did its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// At least one episode of drift, each one ended, and every fish accounted for.
    Recovered,
    /// No drift, and every fish accounted for.
    Steady,
    /// Neither; the reasons say why.
    Failed,
}

/// A run's report: what `--report FILE` writes as one JSON object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Whether the pipeline did its job.
    pub verdict: Verdict,
    /// Why not; empty unless `failed`.
    pub reasons: Vec<String>,
    /// The mean relative error above which a window triggers.
    pub threshold: f64,
    /// How many fish reached which step.
    pub fish: FishCounts,
    /// Stretches of one species, in the order of measurement.
    pub phases: Vec<Phase>,
    /// What the triggers led to, in the order of their windows.
    pub retrainings: Vec<Retraining>,
    /// The first fish of a drift that has not ended; null where none is under way.
    #[serde(default)]
    pub open_drift: Option<String>,
    /// Mean relative error of the fish from the last episode's end on; null without an episode.
    pub mean_error_after_recovery: Option<f64>,
    /// Each fish, in the order of measurement.
    pub fish_rows: Vec<FishRow>,
    /// How long the run took by the wall clock.
    pub wall_seconds: f64,
    /// How long after the predictor's first assignment of partitions the first prediction was on its
    /// topic, by the wall clock; null where the start was not watched.
    #[serde(default)]
    pub first_prediction_seconds: Option<f64>,
    /// The process's largest resident memory; null where it cannot be told.
    pub peak_memory_bytes: Option<u64>,
}

/// How many fish reached which step; each fish counts once.
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
    /// With a row in the store; null where the store did not tell.
    pub stored: Option<u64>,
    /// Records beyond the first of a fish on a topic.
    pub duplicates: u64,
    /// Records on dead-letter topics.
    pub dead_letters: u64,
    /// Records that no fish could be read from; they are on a dead-letter topic, or in the SQL
    /// engine's processing log.
    pub unreadable: u64,
}

/// A stretch of fish of one species.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// The species.
    pub species: String,
    /// Id of its first fish.
    pub first_fish: String,
    /// Id of its last fish.
    pub last_fish: String,
    /// How many fish were measured in it.
    pub fish: u64,
    /// Mean relative error of its fish that have one.
    pub mean_error: Option<f64>,
    /// The model versions that answered, in order of appearance.
    pub model_versions: Vec<String>,
}

/// A trigger and what it led to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retraining {
    /// Start of the window that triggered, event time, inclusive.
    pub window_start: EventTime,
    /// End of the window, event time, exclusive.
    pub window_end: EventTime,
    /// Mean relative error of the window's fish.
    pub error_avg: f64,
    /// Id of the window's first fish.
    pub fish_id_start: String,
    /// Id of the window's last fish.
    pub fish_id_end: String,
    /// The window's species.
    pub species: Vec<String>,
    /// The version that erred.
    pub erring_version: String,
    /// Why it erred: who was in the window, and how that differs from what it was trained on.
    #[serde(default)]
    pub cause: DriftCause,
    /// How many rows the new version was trained on; null where none was trained.
    pub rows: Option<u64>,
    /// The species that the new version was trained on.
    pub trained_species: Vec<String>,
    /// Id of the oldest fish among the training rows.
    pub first_row: Option<String>,
    /// Id of the newest fish among the training rows.
    pub last_row: Option<String>,
    /// The version that was trained.
    pub version: Option<String>,
    /// `activated`, `rejected`, `superseded`, …; null where nothing is known of it yet.
    pub outcome: Option<String>,
    /// When training started, wall clock.
    pub started: Option<EventTime>,
    /// When training ended, wall clock.
    pub ended: Option<EventTime>,
    /// Where it ended an episode of drift: the episode's first fish.
    pub first_fish_drifted: Option<String>,
    /// Where it ended an episode: the first fish that was predicted well again.
    pub first_fish_recovered: Option<String>,
    /// Where it ended an episode: how many fish were measured from the one to the other.
    pub fish_to_recovery: Option<u64>,
    /// Where it ended an episode: the seconds of event time between their measurements.
    pub event_seconds_to_recovery: Option<f64>,
}

/// What a window held, compared with the training rows of the version that erred.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DriftCause {
    /// How many fish the window held, as the SQL counted them.
    pub fish: u64,
    /// Its species; the one that contributed most to the error is the first.
    pub species: Vec<SpeciesError>,
    /// The features that the version was trained on, in its rows' order; empty where those rows
    /// are not known.
    pub features: Vec<FeatureShift>,
}

/// A species' part in a window's error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpeciesError {
    /// The species.
    pub species: String,
    /// How many of the window's fish are of it.
    pub fish: u64,
    /// Their mean relative error.
    pub mean_error: f64,
    /// How many training rows are of it: 0 for a species that the version never saw; null where the
    /// rows are not known.
    pub training_rows: Option<u64>,
}

impl SpeciesError {
    /// What it contributed to the sum of the errors.
    pub(crate) fn part(&self) -> f64 {
        self.mean_error * self.fish as f64
    }
}

/// How far a window's values of a feature are from the training rows'.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureShift {
    /// The feature, as the training rows name it.
    pub feature: String,
    /// Its mean over the window's fish, in the feature's unit.
    pub mean: f64,
    /// Its mean over the training rows.
    pub training_mean: f64,
    /// Its sample standard deviation over the training rows; null for fewer than two.
    pub training_sd: Option<f64>,
    /// The difference of the means in these standard deviations, positive where the window's is
    /// larger; null where they do not vary.
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
    /// The model version that answered.
    pub model_version: Option<String>,
    /// Whether the model had never seen its species, so that the pooled fit answered.
    pub unseen_species: bool,
}
