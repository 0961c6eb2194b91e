//! Which version is live. The decision log determines it; each decision appends an entry to the log.
//!
//! Several replicas may share one store. Each reads the log and keeps the live model in memory.
//! A replica that appends a decision first reads the log to its end. If another replica appends the
//! same sequence number first, it decides again on the new state.
//!
//! | module | contents |
//! |---|---|
//! | this one | reading the log: [`ModelRegistry::sync`] |
//! | `decide` | pure functions from the state and the log to the next entry |
//! | `append` | the loop that decides, appends and retries |
//! | `prune` | deleting old versions |

mod append;
mod decide;
mod prune;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pipeline::Definition;
use tokio::sync::Mutex;

use crate::live::{LiveModel, LiveSlot};
use crate::log_entry::LogEntry;
use crate::store::{MODELS, Store, StoreError};
use crate::version::VersionInfo;

/// How many activations, from the newest back, are searched for a fallback.
const MAX_ACTIVATIONS: u32 = 10_000;

/// The versions in one store and which of them is live. Clones share the state.
///
/// ```no_run
/// # async fn example(version: model_store::Version) -> Result<(), Box<dyn std::error::Error>> {
/// use model_store::{ModelRegistry, StoreAddress};
/// use pipeline::Definition;
///
/// let address: StoreAddress = "sqlite:catchweight.sqlite".parse()?;
/// let registry = ModelRegistry::new(address.open(Definition::shipped()).await?);
/// registry.sync().await?;
/// let entry = registry.submit(&version).await?;
/// println!("{}: {}", entry.outcome, entry.reason);
/// if let Some(live) = registry.live().get() {
///     println!("{} is live", live.info.model_version);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ModelRegistry {
    store: Arc<dyn Store>,
    live: LiveSlot,
    position: Arc<Mutex<LogPosition>>,
    /// Whether this process has inserted a version since the last [`prune`](Self::prune).
    may_prune: Arc<AtomicBool>,
    /// Whether [`sync`](Self::sync) has found a different log than before.
    log_replaced: Arc<AtomicBool>,
}

/// How far the log has been read.
#[derive(Debug, Default)]
struct LogPosition {
    /// The last entry that was read.
    last: Option<LogEntry>,
    /// The live model according to the log, which may differ from the one in the live slot.
    champion: Option<Arc<LiveModel>>,
    /// The last activation, if its version cannot be read.
    unreadable: Option<LogEntry>,
}

/// The state at the end of the log.
#[derive(Clone, Debug)]
pub struct LogState {
    /// The log's last sequence number.
    pub sequence: u64,
    /// The live model.
    pub champion: Option<Arc<LiveModel>>,
    /// Whether the champion is a fallback for the version that the log makes live, which cannot be
    /// read.
    pub is_fallback: bool,
    /// The pipeline, which says how errors are measured.
    pub(crate) definition: &'static Definition,
}

impl ModelRegistry {
    /// A registry on `store`. Nothing is live until the first [`sync`](Self::sync).
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            live: LiveSlot::default(),
            position: Arc::default(),
            // An earlier process may have left more versions than this one keeps.
            may_prune: Arc::new(AtomicBool::new(true)),
            log_replaced: Arc::default(),
        }
    }

    /// The live model.
    pub fn live(&self) -> &LiveSlot {
        &self.live
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Whether the store has been replaced by another since the last call.
    pub fn take_replaced(&self) -> bool {
        self.log_replaced.swap(false, Ordering::Relaxed)
    }

    /// Reads new log entries and updates the live model.
    ///
    /// # Errors
    /// Those of the store. In that case the live model does not change.
    pub async fn sync(&self) -> Result<LogState, StoreError> {
        self.sync_with(None).await
    }

    /// Like [`sync`](Self::sync). `cached` is a version equal to the stored one, which saves a read.
    async fn sync_with(&self, cached: Option<&VersionInfo>) -> Result<LogState, StoreError> {
        let mut position = self.position.lock().await;
        let new_entries = match &position.last {
            Some(last) => self.entries_after(last).await?,
            None => None,
        };
        let (last, activation) = if let Some(entries) = new_entries {
            let last = entries.last().cloned().or_else(|| position.last.clone());
            let mut newest_first = entries.into_iter().rev();
            (last, newest_first.find(LogEntry::activates))
        } else {
            if position.last.is_some() {
                tracing::error!(
                    "the store contains a different decision log: reading it from the start"
                );
                *position = LogPosition::default();
                self.log_replaced.store(true, Ordering::Relaxed);
            }
            // The log may be long, and its end determines the live version.
            let last = self.store.last_entry().await?;
            (last, self.store.last_activations(1).await?.pop())
        };
        if let Some(activation) = activation.or_else(|| position.unreadable.clone()) {
            self.make_live(&mut position, activation, cached).await?;
        }
        position.last = last;
        Ok(LogState {
            sequence: position.last.as_ref().map_or(0, |last| last.sequence),
            champion: position.champion.clone(),
            is_fallback: position.unreadable.is_some(),
            definition: self.store.definition(),
        })
    }

    /// The log after an entry that was read earlier; `None` if the log no longer contains it.
    async fn entries_after(&self, known: &LogEntry) -> Result<Option<Vec<LogEntry>>, StoreError> {
        let mut log = self
            .store
            .entries_after(known.sequence.saturating_sub(1))
            .await?;
        if log.first() != Some(known) {
            return Ok(None);
        }
        log.remove(0);
        Ok(Some(log))
    }

    /// Makes an activated version live. If the version cannot be read, the newest readable version
    /// that was live before is the fallback: an older model is better than none.
    async fn make_live(
        &self,
        position: &mut LogPosition,
        activation: LogEntry,
        cached: Option<&VersionInfo>,
    ) -> Result<(), StoreError> {
        let id = &activation.model_version;
        let info = match cached.filter(|info| info.model_version == *id) {
            Some(info) => Ok(Some(info.clone())),
            None => {
                let stored = self.store.version(id).await;
                stored.map(|version| version.map(|version| version.info))
            }
        };
        let fault = match info {
            Ok(Some(info)) => {
                position.unreadable = None;
                self.swap(position, LiveModel::new(info, activation));
                return Ok(());
            }
            Ok(None) => format!("{MODELS} `{id}` does not exist"),
            Err(corrupt @ StoreError::Corrupt { .. }) => corrupt.to_string(),
            Err(error) => return Err(error),
        };
        if position.unreadable.as_ref() == Some(&activation) {
            return Ok(());
        }
        tracing::error!(
            fault,
            sequence = activation.sequence,
            "cannot read the version that the decision log makes live: \
             using the newest readable version that was live before"
        );
        if let Some(fallback) = self.newest_readable().await? {
            self.swap(position, fallback);
        }
        position.unreadable = Some(activation);
        Ok(())
    }

    fn swap(&self, position: &mut LogPosition, model: LiveModel) {
        tracing::info!(
            version = model.info.model_version,
            rows = model.info.rows,
            sequence = model.activation.sequence,
            pinned = model.activation.pinned,
            "live model"
        );
        let model = Arc::new(model);
        position.champion = Some(Arc::clone(&model));
        self.live.swap(model);
    }

    /// The readable version that was live most recently. It is not pinned: a later activation ended
    /// the pin.
    async fn newest_readable(&self) -> Result<Option<LiveModel>, StoreError> {
        let mut stored: HashSet<_> = self.store.version_ids().await?.into_iter().collect();
        for activation in self.store.last_activations(MAX_ACTIVATIONS).await? {
            if !stored.remove(&activation.model_version) {
                continue;
            }
            match self.store.version(&activation.model_version).await {
                Ok(Some(version)) => {
                    let activation = LogEntry {
                        pinned: false,
                        ..activation
                    };
                    return Ok(Some(LiveModel::new(version.info, activation)));
                }
                Ok(None) | Err(StoreError::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

impl LogState {
    /// The live version's id.
    pub fn live_version(&self) -> Option<&str> {
        let champion = self.champion.as_ref()?;
        Some(&champion.info.model_version)
    }
}
