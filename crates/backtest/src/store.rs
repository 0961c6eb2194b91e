//! A store in memory, for one rule over one series of records.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use model_store::store::MAX_SAME_VERSION;
use model_store::{LogEntry, Page, Store, StoreError, Trigger, Version, VersionInfo};
use pipeline::{Definition, EventTime};
use serde_json::Value;

/// The number of newest rows that are kept. A training uses 5,000 at most.
const MAX_ROWS: usize = 10_000;
/// The number of newest rows of each group that are kept. A training asks for 10 that it does not have yet.
const MAX_GROUP_ROWS: usize = 200;
/// The number of newest versions that are kept with their rows. The log names older ones by their ids.
const MAX_VERSIONS: usize = 100;

/// Rows by time and id: `Timestamp`, `_id`.
type Rows = BTreeMap<(String, String), Arc<[u8]>>;

/// The newest rows, the newest versions, and the decision log.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    definition: &'static Definition,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows: Rows,
    by_group: BTreeMap<String, Rows>,
    /// All versions, in the order of insertion; the rows and models of old ones are dropped.
    versions: HashMap<String, Option<Version>>,
    kept: VecDeque<String>,
    log: Vec<LogEntry>,
    /// Positions in the log by the version of the entry, and by the version of its trigger.
    on_version: HashMap<String, Vec<usize>>,
    by_trigger: HashMap<Option<String>, Vec<usize>>,
}

impl MemoryStore {
    pub(crate) fn new(definition: &'static Definition) -> Self {
        Self {
            definition,
            state: Mutex::default(),
        }
    }

    /// Stores a joined row; one with the same time and id is replaced.
    pub(crate) fn add_row(&self, row: &Value, bytes: &[u8]) {
        let text = |field: &str| row.get(field).and_then(Value::as_str).unwrap_or_default();
        let place = (text("Timestamp").to_owned(), text("_id").to_owned());
        let bytes: Arc<[u8]> = bytes.into();
        let mut state = self.state();
        if let Some(group) = self.definition.group() {
            let group = text(&group.field);
            if !state.by_group.contains_key(group) {
                state.by_group.insert(group.to_owned(), Rows::new());
            }
            if let Some(rows) = state.by_group.get_mut(group) {
                rows.insert(place.clone(), Arc::clone(&bytes));
                if rows.len() > MAX_GROUP_ROWS {
                    rows.pop_first();
                }
            }
        }
        state.rows.insert(place, bytes);
        if state.rows.len() > MAX_ROWS {
            state.rows.pop_first();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn entries(&self, positions: &[usize], limit: u32) -> Vec<LogEntry> {
        let skip = positions.len().saturating_sub(limit as usize);
        let newest = positions.iter().skip(skip);
        newest
            .filter_map(|position| self.log.get(*position).cloned())
            .collect()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn definition(&self) -> &'static Definition {
        self.definition
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn newest_rows(&self, group: Option<&str>, page: Page) -> Result<Vec<Value>, StoreError> {
        let state = self.state();
        let rows = match group {
            None => Some(&state.rows),
            Some(group) => state.by_group.get(group),
        };
        let newest = rows.into_iter().flat_map(|rows| rows.values().rev());
        let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
        newest
            .skip(skip)
            .take(page.limit as usize)
            .map(|bytes| {
                serde_json::from_slice(bytes).map_err(|error| StoreError::Failed(error.into()))
            })
            .collect()
    }

    /// Each row is stored before the SQL reads it, so a trigger's rows are always there.
    async fn has_row(&self, _: &str, _: Option<&str>) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn rows_among(&self, ids: &[String]) -> Result<Vec<String>, StoreError> {
        let state = self.state();
        let among = state.rows.keys().filter(|(_, id)| ids.contains(id));
        Ok(among.map(|(_, id)| id.clone()).collect())
    }

    async fn insert_version(&self, version: &Version) -> Result<bool, StoreError> {
        let id = &version.info.model_version;
        let mut state = self.state();
        let known = state.versions.contains_key(id);
        if !state.kept.contains(id) {
            state.versions.insert(id.clone(), Some(version.clone()));
            state.kept.push_back(id.clone());
        }
        if state.kept.len() > MAX_VERSIONS
            && let Some(oldest) = state.kept.pop_front()
        {
            state.versions.insert(oldest, None);
        }
        Ok(!known)
    }

    async fn version(&self, id: &str) -> Result<Option<Version>, StoreError> {
        Ok(self.state().versions.get(id).cloned().flatten())
    }

    async fn versions(&self, page: Page) -> Result<Vec<VersionInfo>, StoreError> {
        let state = self.state();
        let newest = state.kept.iter().rev();
        let newest = newest.filter_map(|id| state.versions.get(id)?.as_ref());
        let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
        let page = newest.skip(skip).take(page.limit as usize);
        Ok(page.map(|version| version.info.clone()).collect())
    }

    async fn count_versions(&self) -> Result<u64, StoreError> {
        Ok(self.state().kept.len() as u64)
    }

    async fn version_ids(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.state().kept.iter().cloned().collect())
    }

    async fn undecided_versions(&self) -> Result<Vec<String>, StoreError> {
        let state = self.state();
        let undecided = state
            .kept
            .iter()
            .filter(|id| !state.on_version.contains_key(*id));
        Ok(undecided.cloned().collect())
    }

    async fn delete_version(&self, id: &str) -> Result<(), StoreError> {
        let mut state = self.state();
        state.versions.remove(id);
        state.kept.retain(|kept| kept != id);
        Ok(())
    }

    async fn append(&self, entry: &LogEntry) -> Result<bool, StoreError> {
        let mut state = self.state();
        let position = state.log.len();
        if entry.sequence != position as u64 + 1 {
            return Ok(false);
        }
        let version = entry.model_version.clone();
        state.on_version.entry(version).or_default().push(position);
        if let Some(trigger) = &entry.cause.trigger {
            let version = trigger.model_version().map(str::to_owned);
            state.by_trigger.entry(version).or_default().push(position);
        }
        state.log.push(entry.clone());
        Ok(true)
    }

    async fn entries_after(&self, sequence: u64) -> Result<Vec<LogEntry>, StoreError> {
        let from = usize::try_from(sequence).unwrap_or(usize::MAX);
        Ok(self.state().log.get(from..).unwrap_or_default().to_vec())
    }

    async fn last_activations(&self, limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        let state = self.state();
        let newest = state.log.iter().rev().filter(|entry| entry.activates());
        Ok(newest.take(limit as usize).cloned().collect())
    }

    async fn live_since(&self, time: EventTime) -> Result<Vec<String>, StoreError> {
        let state = self.state();
        let activations = state.log.iter().rev().filter(|entry| entry.activates());
        let mut live = Vec::new();
        for entry in activations {
            live.push(entry.model_version.clone());
            if entry.time < time {
                break;
            }
        }
        Ok(live)
    }

    async fn last_entry(&self) -> Result<Option<LogEntry>, StoreError> {
        Ok(self.state().log.last().cloned())
    }

    async fn entries_on(&self, versions: &[&str], limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        let state = self.state();
        let mut positions: Vec<usize> = versions
            .iter()
            .filter_map(|version| state.on_version.get(*version))
            .flatten()
            .copied()
            .collect();
        positions.sort_unstable();
        Ok(state.entries(&positions, limit))
    }

    async fn entries_caused_by(&self, trigger: &Trigger) -> Result<Vec<LogEntry>, StoreError> {
        let state = self.state();
        let version = trigger.model_version().map(str::to_owned);
        let positions = state.by_trigger.get(&version);
        let positions = positions.map_or(&[][..], Vec::as_slice);
        let mut entries = state.entries(positions, MAX_SAME_VERSION);
        entries.retain(|entry| {
            let earlier = entry.cause.trigger.as_ref();
            earlier.is_some_and(|earlier| earlier.is_same(trigger))
        });
        Ok(entries)
    }
}
