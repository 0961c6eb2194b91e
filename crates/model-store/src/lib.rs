//! Stores training data, model versions and the decision log, and decides which version is live.
//!
//! The crate stores versions, decides whether a new version goes live, and predicts with stored
//! models. It does not fit models, and it contains no HTTP, Kafka or command-line code: those are
//! in `model-server` and the other programs.
//!
//! | module | contents |
//! |---|---|
//! | [`address`] | `sqlite:PATH` or `mongodb://…`, and opening a store |
//! | [`store`] | the [`Store`] trait; SQLite; MongoDB (feature `mongodb`) |
//! | [`features`] | the model's inputs and training rows, with the columns of the pipeline |
//! | [`groups`] | the groups in a version's training rows |
//! | `foreign` | ids, times and numbers as other writers store them |
//! | [`version`] | an immutable model version, identified by a hash |
//! | [`cause`], [`log_entry`] | the entries of the append-only decision log |
//! | [`live`] | the live model, read without a lock |
//! | [`registry`] | which version is live: reading the log, deciding, pruning |
//! | [`view`] | a version as the model server's API returns it |
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! use model_store::{Page, SqliteStore, Store};
//! use pipeline::Definition;
//!
//! let store = SqliteStore::open(":memory:", Definition::shipped())?;
//! let row = serde_json::json!({ "_id": "1", "Fish_Id": "1", "Species": "salmon" });
//! store.replace_one("Weight", "TrainingData", "1", &row).await?;
//!
//! let newest = store.newest_rows(Some("salmon"), Page { skip: 0, limit: 10 }).await?;
//! assert_eq!(newest, [row]);
//! assert_eq!(store.last_entry().await?, None);
//! # Ok(())
//! # })
//! # }
//! ```

pub mod address;
pub mod cause;
pub mod features;
mod foreign;
pub mod groups;
pub mod live;
pub mod log_entry;
pub mod registry;
pub mod store;
#[cfg(test)]
mod test_versions;
pub mod version;
pub mod view;

pub use address::{OpenError, StoreAddress};
pub use cause::{Cause, CauseKind, Refinement, Trigger};
pub use groups::Groups;
pub use live::{LiveModel, LiveSlot};
pub use log_entry::{GateCheck, LogEntry, TrainingOutcome};
pub use registry::{LogState, ModelRegistry};
#[cfg(feature = "mongodb")]
pub use store::MongoStore;
pub use store::{Page, SqliteStore, Store, StoreError};
pub use version::{LeftOut, Version, VersionInfo};
pub use view::ModelView;
