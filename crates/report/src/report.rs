//! The report as a value. Its JSON is in `json`; the keys there are made from the names of the pipeline.

use std::collections::BTreeMap;

use pipeline::{Definition, EventTime};
use serde::{Deserialize, Serialize};

use crate::build::mean;
use crate::ledger::Account;
use crate::phases::{alternate, phases};

/// Whether the pipeline did its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every record is accounted for; there was drift, and every drift ended.
    Recovered,
    /// Every record is accounted for, and there was no drift.
    Steady,
    /// Anything else; see [`Report::reasons`].
    Failed,
}

/// The report of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Report {
    /// The pipeline.
    #[serde(skip, default = "Definition::shipped")]
    pub definition: &'static Definition,
    /// Whether the pipeline did its job.
    pub verdict: Verdict,
    /// Why the verdict is `failed`; empty otherwise.
    pub reasons: Vec<String>,
    /// The mean error above which a window triggers.
    pub threshold: f64,
    /// How many records passed each step.
    pub records: RecordCounts,
    /// Stretches of consecutive records of one group, in order of measurement; if the groups alternate, one
    /// phase for each group.
    pub phases: Vec<Phase>,
    /// The triggers and their outcomes, in order of their windows.
    pub retrainings: Vec<Retraining>,
    /// The first record of a drift that has not ended; null if there is none.
    #[serde(default)]
    pub open_drift: Option<String>,
    /// Mean error of the records since the last recovery; null if no drift ended.
    pub mean_error_after_recovery: Option<f64>,
    /// The records in order of measurement.
    pub record_rows: Vec<RecordRow>,
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
    /// This report restricted to its newest `records` records, and to the retrainings whose windows overlap
    /// with them. The counts still cover all records. For pictures of an endless run.
    #[must_use]
    pub fn newest(&self, records: usize) -> Self {
        let surplus = self.record_rows.len().saturating_sub(records);
        let record_rows = self.record_rows.get(surplus..).unwrap_or_default().to_vec();
        let first_weighed = record_rows.iter().filter_map(|row| row.weighed).min();
        let mut retrainings = self.retrainings.clone();
        if surplus > 0 {
            retrainings.retain(|one| first_weighed.is_some_and(|first| first < one.window_end));
        }
        Self {
            phases: phases(record_rows.iter()),
            record_rows,
            retrainings,
            reasons: self.reasons.clone(),
            open_drift: self.open_drift.clone(),
            ..*self
        }
    }

    /// Whether the groups alternate, so that [`phases`](Self::phases) are not stretches of the run.
    pub fn groups_alternate(&self) -> bool {
        alternate(self.record_rows.iter())
    }
}

/// How many records passed each step; each record counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCounts {
    /// With a measurement.
    pub measured: u64,
    /// With a prediction.
    pub predicted: u64,
    /// With an actual value.
    pub weighed: u64,
    /// With a row of predicted and actual value.
    pub joined: u64,
    /// With a row in the store; null if the store did not answer.
    pub stored: Option<u64>,
    /// Repeated records: each one after the first with its key on a topic.
    pub duplicates: u64,
    /// Records on dead-letter topics.
    pub dead_letters: u64,
    /// Records that could not be read. They are also on a dead-letter topic or in the SQL engine's
    /// processing log.
    pub unreadable: u64,
}

/// Consecutive records of one group; or all records of a group, if the groups alternate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// The group; `None` if the pipeline has no group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Key of its first record.
    pub first_record: String,
    /// Key of its last record.
    pub last_record: String,
    /// How many records it has.
    pub records: u64,
    /// Mean error of its joined records.
    pub mean_error: Option<f64>,
    /// The model versions that predicted its records, in order of appearance.
    pub model_versions: Vec<String>,
}

/// A trigger and its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retraining {
    /// Start of the window that triggered, event time, inclusive.
    pub window_start: EventTime,
    /// End of the window, event time, exclusive.
    pub window_end: EventTime,
    /// Mean error of the window's records.
    pub error_avg: f64,
    /// Key of the window's first record by event time.
    #[serde(rename = "record_id_start")]
    pub first_key: String,
    /// Key of the window's last record by event time.
    #[serde(rename = "record_id_end")]
    pub last_key: String,
    /// The groups in the window.
    #[serde(rename = "group")]
    pub groups: Vec<String>,
    /// The version with this error.
    pub erring_version: String,
    /// Why the error was high.
    #[serde(default)]
    pub cause: DriftCause,
    /// How many rows the new version was trained on; null if none was trained.
    pub rows: Option<u64>,
    /// The groups among those rows.
    #[serde(rename = "trained_group")]
    pub trained_groups: Vec<String>,
    /// Key of the oldest record among the training rows.
    pub first_row: Option<String>,
    /// Key of the newest record among the training rows.
    pub last_row: Option<String>,
    /// The new version.
    pub version: Option<String>,
    /// `activated`, `rejected`, `superseded`, …; null if there is no decision yet.
    pub outcome: Option<String>,
    /// When training started, wall clock.
    pub started: Option<EventTime>,
    /// When training ended, wall clock.
    pub ended: Option<EventTime>,
    /// The first record of the drift that this retraining ended; null if it ended none.
    pub first_record_drifted: Option<String>,
    /// The first record that was predicted well again; null if it ended no drift.
    pub first_record_recovered: Option<String>,
    /// How many records were measured from the former to the latter; null if it ended no drift.
    pub records_to_recovery: Option<u64>,
    /// Seconds of event time between their measurements; null if it ended no drift.
    pub event_seconds_to_recovery: Option<f64>,
}

/// The records of a window compared with the training rows of the erring version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DriftCause {
    /// How many records the SQL counted in the window.
    pub records: u64,
    /// The groups in the window, the largest contributor to the error first. Empty if some records of
    /// the window are unknown.
    #[serde(rename = "group")]
    pub groups: Vec<GroupError>,
    /// The levels of the other categories, by category, the largest contributor to the error first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<LevelError>,
    /// The numeric columns that the version was trained on, in the order of its training columns. Empty if
    /// the training rows are unknown.
    pub features: Vec<FeatureShift>,
}

/// The error of one group in a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupError {
    /// The group.
    pub group: String,
    /// How many records of the window belong to it.
    pub records: u64,
    /// Their mean error.
    pub mean_error: f64,
    /// How many training rows belong to it: 0 if the version was not trained on the group; null if
    /// the training rows are unknown.
    pub training_rows: Option<u64>,
}

impl GroupError {
    /// One entry for each group of `errors`, the largest contributor to the sum of errors first.
    pub(crate) fn by_contribution(
        errors: BTreeMap<&str, Vec<f64>>,
        training_rows: impl Fn(&str) -> Option<u64>,
    ) -> Vec<Self> {
        let groups = errors.into_iter().filter_map(|(group, errors)| {
            Some(Self {
                group: group.to_owned(),
                records: errors.len() as u64,
                mean_error: mean(errors.into_iter())?,
                training_rows: training_rows(group),
            })
        });
        let mut groups: Vec<_> = groups.collect();
        let contribution = |one: &Self| one.mean_error * one.records as f64;
        groups.sort_by(|one, other| contribution(other).total_cmp(&contribution(one)));
        groups
    }
}

/// The error of one level of a category in a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelError {
    /// The category.
    pub column: String,
    /// The level.
    pub level: String,
    /// How many records of the window have it.
    pub records: u64,
    /// Their mean error.
    pub mean_error: f64,
    /// How many training rows have it; null if the training rows are unknown.
    pub training_rows: Option<u64>,
}

/// How far the values of a column in a window are from those of the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureShift {
    /// The name of the column.
    pub feature: String,
    /// Its mean over the window's records, in the column's unit.
    pub mean: f64,
    /// Its mean over the training rows.
    pub training_mean: f64,
    /// Its sample standard deviation over the training rows; null for fewer than two rows.
    pub training_sd: Option<f64>,
    /// The difference of the means (window minus training) in standard deviations; null if the
    /// training rows do not vary.
    pub shift_sd: Option<f64>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordRow {
    /// Its key.
    pub id: String,
    /// Its group; `None` if the pipeline has no group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// When it was measured, event time.
    pub measured: EventTime,
    /// When its actual value became known, event time.
    pub weighed: Option<EventTime>,
    /// Predicted value, in the target's unit.
    pub predicted: Option<f64>,
    /// Actual value, in the target's unit.
    pub actual: Option<f64>,
    /// The error as the SQL computed it.
    pub error: Option<f64>,
    /// The model version that predicted it.
    pub model_version: Option<String>,
    /// Whether that version was not trained on a level of its categories, so that the pooled fit answered.
    #[serde(rename = "unseen_group")]
    pub unseen_level: bool,
}

impl RecordRow {
    /// The row of a record; `None` if it was not measured.
    pub(crate) fn of(one: &Account) -> Option<Self> {
        Some(Self {
            id: one.id().to_owned(),
            group: one.group().map(str::to_owned),
            measured: one.measured()?,
            weighed: one.weighed(),
            predicted: one.predicted_value(),
            actual: one.actual_value(),
            error: one.error(),
            model_version: one.model_version().map(str::to_owned),
            unseen_level: one.unseen_level(),
        })
    }
}
