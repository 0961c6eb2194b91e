//! What came of a training.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::life::LifeError;
use crate::store::StoreError;
use crate::version::TrainError;

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The new version is live.
    Activated,
    /// The same rows had been decided on before; nothing changed.
    Unchanged,
    /// The new version is worse than the live one by more than the margin.
    Rejected,
    /// The version that erred is no longer live; nothing was trained.
    Superseded,
    /// The live version is pinned; nothing was trained.
    Pinned,
}

/// The answer to a training that did not fail.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct TrainReport {
    /// How it ended.
    pub outcome: Outcome,
    /// The version trained; where nothing was trained, the live one.
    pub model_version: Option<String>,
    /// The version that is live now.
    pub live_version: Option<String>,
    /// Rows trained on.
    pub rows: Option<u64>,
    /// Newer rows that could not be used: a number was missing or not positive.
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

/// Why a training failed. The live model stays in every case.
#[derive(Debug, thiserror::Error)]
pub enum TrainFailure {
    /// The row that a trigger names did not arrive in time; the caller should come again.
    #[error("the row of fish `{fish_id}` is not in the training data after {waited:?}; try again")]
    NotYet {
        /// The fish.
        fish_id: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The rows do not make a model.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The training's task ended without an answer.
    #[error("the training broke off")]
    Broken,
}

impl From<LifeError> for TrainFailure {
    fn from(error: LifeError) -> Self {
        match error {
            LifeError::Store(error) => Self::Store(error),
            LifeError::Train(error) => Self::Train(error),
        }
    }
}
