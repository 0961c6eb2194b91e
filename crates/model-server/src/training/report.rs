//! The result of a training.

use std::collections::BTreeMap;
use std::time::Duration;

use model_store::{LogEntry, StoreError, TrainingOutcome, VersionInfo};
use pipeline::Definition;
use serde::Serialize;
use utoipa::ToSchema;

use super::fit::TrainError;

/// The result of a training that did not fail.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct TrainReport {
    /// How it ended.
    pub outcome: TrainingOutcome,
    /// The trained version; if nothing was trained, the live version, or the version of the earlier
    /// decision on the same trigger.
    pub model_version: Option<String>,
    /// The version that is live now.
    pub live_version: Option<String>,
    /// The number of training rows.
    pub rows: Option<u64>,
    /// Rows newer than the oldest training row that were skipped because a field is invalid.
    pub skipped_rows: Option<u64>,
    /// How many rows were skipped for which reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped_reasons: BTreeMap<String, u64>,
    /// The groups in the training rows, under the name of the group's field.
    #[serde(flatten)]
    #[schema(ignore)]
    pub groups: BTreeMap<&'static str, Option<Vec<String>>>,
    /// The `_id` of the oldest row.
    pub first_row: Option<String>,
    /// The `_id` of the newest row.
    pub last_row: Option<String>,
    /// The version's leave-one-out mean absolute relative error on these rows.
    pub loo_error: Option<f64>,
    /// The champion's mean absolute relative error on the same rows.
    pub champion_error: Option<f64>,
    /// The reason for the outcome.
    pub reason: String,
}

impl TrainReport {
    /// The report of a log entry; `trained` is the version if one was trained.
    pub(super) fn new(
        definition: &'static Definition,
        entry: LogEntry,
        trained: Option<&VersionInfo>,
        live_version: Option<String>,
    ) -> Self {
        Self {
            outcome: entry.outcome,
            model_version: Some(entry.model_version),
            live_version,
            rows: trained.map(|info| info.rows),
            skipped_rows: trained.map(|info| info.skipped_rows),
            skipped_reasons: BTreeMap::new(),
            groups: definition
                .group()
                .map(|group| {
                    let groups = trained.map(|info| info.groups.to_vec());
                    (group.field.as_str(), groups)
                })
                .into_iter()
                .collect(),
            first_row: trained.and_then(|info| info.first_row.clone()),
            last_row: trained.and_then(|info| info.last_row.clone()),
            loo_error: trained.map(|info| info.loo_error),
            champion_error: entry.gate.map(|gate| gate.champion_error),
            reason: entry.reason,
        }
    }
}

/// Why a training failed. The live model does not change.
#[derive(Debug, thiserror::Error)]
pub enum TrainFailure {
    /// The row that a trigger names did not arrive in time. The caller should retry.
    #[error(
        "the training data has no row of {record} `{key}`{} after {waited:?}: try again",
        version.as_ref().map_or(String::new(), |version| format!(", predicted by `{version}`,"))
    )]
    NotYet {
        /// What a record stands for.
        record: &'static str,
        /// The key of the record.
        key: String,
        /// The version that predicted it, if the trigger names one.
        version: Option<String>,
        /// How long the training waited.
        waited: Duration,
    },
    /// The rows cannot be fitted.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A call to the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many trainings are pending.
    #[error("too many trainings are pending: try again")]
    Busy,
    /// The training panicked.
    #[error("the training failed unexpectedly")]
    Broken,
}

impl TrainFailure {
    /// All values of [`outcome`](Self::outcome).
    pub(crate) const OUTCOMES: [&str; 5] = [
        "row_not_stored",
        "not_trainable",
        "store_failed",
        "busy",
        "broken",
    ];

    /// The label in the metrics.
    pub(crate) fn outcome(&self) -> &'static str {
        let [row_not_stored, not_trainable, store_failed, busy, broken] = Self::OUTCOMES;
        match self {
            Self::NotYet { .. } => row_not_stored,
            Self::Train(_) => not_trainable,
            Self::Store(_) => store_failed,
            Self::Busy => busy,
            Self::Broken => broken,
        }
    }
}
