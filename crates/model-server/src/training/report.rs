//! What came of a training.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::decision::{Decision, Verdict};
use crate::store::StoreError;
use crate::version::{TrainError, VersionInfo};

/// The answer to a training that did not fail.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct TrainReport {
    /// How it ended.
    pub outcome: Verdict,
    /// The version trained; where nothing was trained, the live one, or the one that the same
    /// trigger led to before.
    pub model_version: Option<String>,
    /// The version that is live now.
    pub live_version: Option<String>,
    /// Rows trained on.
    pub rows: Option<u64>,
    /// Newer rows that could not be used: a number was missing, not positive or too large, or
    /// another field was wrong.
    pub skipped_rows: Option<u64>,
    /// The rows' species.
    pub species: Option<Vec<String>>,
    /// The oldest row's `_id`.
    pub first_row: Option<String>,
    /// The newest row's `_id`.
    pub last_row: Option<String>,
    /// The version's leave-one-out mean absolute relative error on these rows.
    pub loo_error: Option<f64>,
    /// The champion's mean absolute relative error on the same rows.
    pub champion_error: Option<f64>,
    /// Why it ended so.
    pub reason: String,
}

impl TrainReport {
    /// What was decided on a version that was trained, or before one was.
    pub(super) fn new(
        decision: Decision,
        trained: Option<&VersionInfo>,
        live_version: Option<String>,
    ) -> Self {
        Self {
            outcome: decision.verdict,
            model_version: Some(decision.model_version),
            live_version,
            rows: trained.map(|info| info.rows),
            skipped_rows: trained.map(|info| info.skipped_rows),
            species: trained.map(|info| info.species.clone()),
            first_row: trained.and_then(|info| info.first_row.clone()),
            last_row: trained.and_then(|info| info.last_row.clone()),
            loo_error: trained.map(|info| info.loo_error),
            champion_error: decision.gate.map(|gate| gate.champion_error),
            reason: decision.reason,
        }
    }
}

/// Why a training failed. The live model stays in every case.
#[derive(Debug, thiserror::Error)]
pub enum TrainFailure {
    /// The row that a trigger names did not arrive in time; the caller should come again.
    #[error(
        "the row of fish `{fish_id}`{} is not in the training data after {waited:?}; try again",
        version.as_ref().map_or(String::new(), |version| format!(", predicted by `{version}`,"))
    )]
    NotYet {
        /// The fish.
        fish_id: String,
        /// The version that predicted it, where the trigger names one.
        version: Option<String>,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The rows do not make a model.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many trainings wait already.
    #[error("too many trainings wait already; try again")]
    Busy,
    /// The training panicked.
    #[error("the training broke off")]
    Broken,
}

impl TrainFailure {
    /// What [`outcome`](Self::outcome) may be.
    pub(crate) const OUTCOMES: [&str; 5] = [
        "row_not_stored",
        "not_trainable",
        "store_failed",
        "busy",
        "broken",
    ];

    /// Its name in the metrics.
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
