//! Where training data, versions and decisions are kept.
//!
//! One trait, two stores. Both hold the same JSON documents under the same names: the database
//! `Weight` with the collections `TrainingData`, `Models` and `Decisions`.

#[cfg(feature = "mongodb")]
mod mongo;
mod sqlite;

use std::fmt::Debug;

use async_trait::async_trait;
use pipeline::EventTime;
use serde_json::Value;

#[cfg(feature = "mongodb")]
pub use mongo::MongoStore;
pub use sqlite::SqliteStore;

use crate::cause::Trigger;
use crate::decision::Decision;
use crate::version::{Version, VersionInfo};

/// The database's name.
pub const DATABASE: &str = "Weight";
/// The pipeline's rows: predicted and actual weights.
pub const TRAINING_DATA: &str = "TrainingData";
/// Model versions with their training rows.
pub const MODELS: &str = "Models";
/// The log of decisions.
pub const DECISIONS: &str = "Decisions";

/// Why a store did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached now; trying again later makes sense.
    #[error("the store is not available: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It refused, or its files are broken; trying again will not help.
    #[error("the store failed: {0}")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A document is not what this program writes.
    #[error("{collection} `{id}` cannot be read: {reason}")]
    Corrupt {
        /// The collection.
        collection: &'static str,
        /// The document's id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A page of a collection, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Documents to leave out, from the newest on.
    pub skip: u64,
    /// Documents to return at most.
    pub limit: u32,
}

/// What the model server needs of a store. Every call is one atomic operation.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// Makes indexes and whatever else is missing; doing it again does nothing.
    ///
    /// # Errors
    /// See [`StoreError`]; so in all other calls.
    async fn prepare(&self) -> Result<(), StoreError>;

    /// A page of `Weight.TrainingData`, by `Timestamp`, then `_id`, both descending; only one
    /// species' where one is named. Documents without a `Timestamp` come last.
    async fn newest_rows(
        &self,
        species: Option<&str>,
        page: Page,
    ) -> Result<Vec<Value>, StoreError>;

    /// Whether `Weight.TrainingData` has a row of this fish, predicted by this version if named.
    async fn has_fish(&self, fish_id: &str, version: Option<&str>) -> Result<bool, StoreError>;

    /// Which of these `_id`s are in `Weight.TrainingData`.
    async fn rows_among(&self, ids: &[String]) -> Result<Vec<String>, StoreError>;

    /// Keeps a version; false where there is one of this id already, which is left as it is.
    async fn insert_version(&self, version: &Version) -> Result<bool, StoreError>;

    /// A version with its training rows.
    async fn version(&self, id: &str) -> Result<Option<Version>, StoreError>;

    /// A page of the versions, by time of training, then id, both descending.
    async fn versions(&self, page: Page) -> Result<Vec<VersionInfo>, StoreError>;

    /// How many versions there are.
    async fn count_versions(&self) -> Result<u64, StoreError>;

    /// The ids of all versions, oldest first.
    async fn version_ids(&self) -> Result<Vec<String>, StoreError>;

    /// The ids of the versions that no decision is about, oldest first.
    async fn undecided_versions(&self) -> Result<Vec<String>, StoreError>;

    /// Forgets a version. The log of decisions stays.
    async fn delete_version(&self, id: &str) -> Result<(), StoreError>;

    /// Appends to the log; false where the sequence number is taken.
    async fn append(&self, decision: &Decision) -> Result<bool, StoreError>;

    /// The decisions whose sequence number is above `sequence`, in their order.
    async fn decisions_after(&self, sequence: u64) -> Result<Vec<Decision>, StoreError>;

    /// The last decisions that activated a version, newest first.
    async fn last_activations(&self, limit: u32) -> Result<Vec<Decision>, StoreError>;

    /// The versions that were live at some moment since `time`: those activated since, and the one
    /// that was live then.
    async fn live_since(&self, time: EventTime) -> Result<Vec<String>, StoreError>;

    /// The log's last entry; none where it is empty.
    async fn last_decision(&self) -> Result<Option<Decision>, StoreError>;

    /// The last `limit` decisions on some versions, in their order.
    async fn decisions_on(
        &self,
        versions: &[&str],
        limit: u32,
    ) -> Result<Vec<Decision>, StoreError>;

    /// The decisions that a trigger with the same `ModelVersion`, `Fish_Id_Start` and `Fish_Id_End`
    /// caused, in their order. Of these fields, one that is missing equals one that is missing.
    async fn decisions_caused_by(&self, trigger: &Trigger) -> Result<Vec<Decision>, StoreError>;
}
