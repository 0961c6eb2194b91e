//! The [`Store`] trait and its implementations for SQLite and MongoDB.
//!
//! Both store the same JSON documents under the same names: the pipeline's database with the pipeline's
//! collection of joined rows, and the collections `Models` and `Decisions`.

#[cfg(feature = "mongodb")]
mod mongo;
mod sqlite;

use std::fmt::Debug;

use async_trait::async_trait;
use pipeline::{Definition, EventTime};
use serde_json::Value;

#[cfg(feature = "mongodb")]
pub use mongo::MongoStore;
pub use sqlite::SqliteStore;

use crate::cause::Trigger;
use crate::log_entry::LogEntry;
use crate::version::{Version, VersionInfo};

/// The collection of model versions with their training rows.
pub const MODELS: &str = "Models";
/// The collection that holds the decision log.
pub const DECISIONS: &str = "Decisions";

/// How many log entries are compared with a trigger. A version has few triggers, but there may be many that
/// name no version.
pub const MAX_SAME_VERSION: u32 = 1_000;

/// A call to a store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached now. The caller may retry.
    #[error("the store is not available: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store rejected the call, or its files are broken. A retry does not help.
    #[error("the store failed: {0}")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A document does not have the expected form.
    #[error("{collection} `{id}` cannot be read: {reason}")]
    Corrupt {
        /// The collection.
        collection: String,
        /// The document's id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A page of a collection that is sorted newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The number of newest documents to skip.
    pub skip: u64,
    /// The maximum number of documents to return.
    pub limit: u32,
}

/// Storage for training data, versions and the decision log. Each call is one atomic operation.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// The pipeline whose rows it stores.
    fn definition(&self) -> &'static Definition;

    /// Creates missing tables and indexes. Idempotent.
    ///
    /// # Errors
    /// See [`StoreError`]; this applies to all other calls too.
    async fn prepare(&self) -> Result<(), StoreError>;

    /// A page of the joined rows, by `Timestamp`, then `_id`, both descending; only rows of `group` if
    /// given. Documents without a `Timestamp` come last.
    async fn newest_rows(&self, group: Option<&str>, page: Page) -> Result<Vec<Value>, StoreError>;

    /// Whether there is a joined row with this key, predicted by `version` if given.
    async fn has_row(&self, key: &str, version: Option<&str>) -> Result<bool, StoreError>;

    /// Which of these `_id`s are among the joined rows.
    async fn rows_among(&self, ids: &[String]) -> Result<Vec<String>, StoreError>;

    /// Inserts a version. Returns false, and changes nothing, if a version with this id exists.
    async fn insert_version(&self, version: &Version) -> Result<bool, StoreError>;

    /// A version with its training rows.
    async fn version(&self, id: &str) -> Result<Option<Version>, StoreError>;

    /// A page of the versions, by training time, then id, both descending.
    async fn versions(&self, page: Page) -> Result<Vec<VersionInfo>, StoreError>;

    /// The number of versions.
    async fn count_versions(&self) -> Result<u64, StoreError>;

    /// The ids of all versions, oldest first.
    async fn version_ids(&self) -> Result<Vec<String>, StoreError>;

    /// The ids of the versions without a log entry, oldest first.
    async fn undecided_versions(&self) -> Result<Vec<String>, StoreError>;

    /// Deletes a version. Its log entries stay.
    async fn delete_version(&self, id: &str) -> Result<(), StoreError>;

    /// Appends to the decision log. Returns false if the sequence number is taken.
    async fn append(&self, entry: &LogEntry) -> Result<bool, StoreError>;

    /// The log entries with sequence numbers above `sequence`, in order.
    async fn entries_after(&self, sequence: u64) -> Result<Vec<LogEntry>, StoreError>;

    /// The last log entries that activate a version, newest first.
    async fn last_activations(&self, limit: u32) -> Result<Vec<LogEntry>, StoreError>;

    /// The versions that were live at any moment since `time`: the version that was live at `time`, and
    /// the versions activated since.
    async fn live_since(&self, time: EventTime) -> Result<Vec<String>, StoreError>;

    /// The last log entry; `None` if the log is empty.
    async fn last_entry(&self) -> Result<Option<LogEntry>, StoreError>;

    /// The last `limit` log entries on any of `versions`, in order.
    async fn entries_on(&self, versions: &[&str], limit: u32) -> Result<Vec<LogEntry>, StoreError>;

    /// The log entries caused by the same trigger (see [`Trigger::is_same`]), in order. At most the newest
    /// [`MAX_SAME_VERSION`] entries caused by triggers of its version are compared.
    async fn entries_caused_by(&self, trigger: &Trigger) -> Result<Vec<LogEntry>, StoreError>;
}
