//! Deleting old versions.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pipeline::EventTime;

use super::ModelRegistry;
use crate::store::StoreError;

/// Versions that were live within this time are kept.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl ModelRegistry {
    /// Deletes the oldest versions until `keep` are left. Keeps versions that were live during the
    /// last day and versions without a decision. Does nothing if this process has not inserted a
    /// version since the last call.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn prune(&self, keep: u64) -> Result<(), StoreError> {
        if !self.may_prune.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let pruned = self.prune_now(keep).await;
        if pruned.is_err() {
            self.may_prune.store(true, Ordering::Relaxed);
        }
        pruned
    }

    async fn prune_now(&self, keep: u64) -> Result<(), StoreError> {
        if self.store.count_versions().await? <= keep {
            return Ok(());
        }
        let last = self.store.last_entry().await?;
        let sequence = last.map_or(0, |last| last.sequence);
        let undecided = self.store.undecided_versions().await?;
        let mut protected: HashSet<_> = undecided.into_iter().collect();
        protected.extend(self.store.live_since(EventTime::now().before(DAY)).await?);
        let ids = self.store.version_ids().await?;
        // Counts the list, because another replica may have deleted versions since the first count.
        let surplus = ids
            .len()
            .saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
        let oldest = ids.into_iter().filter(|id| !protected.contains(id));
        for id in oldest.take(surplus) {
            self.delete(&id, sequence).await?;
            tracing::info!(version = id, keep, "deleted an old version");
        }
        Ok(())
    }

    /// Deletes a version, unless the log has an entry on it after `sequence`, which another replica
    /// appended in the meantime.
    async fn delete(&self, id: &str, sequence: u64) -> Result<(), StoreError> {
        let Some(version) = self.store.version(id).await? else {
            return Ok(());
        };
        self.store.delete_version(id).await?;
        // Checked after the deletion: a replica that appends later stores the version again (`append`).
        let new_entries = self.store.entries_after(sequence).await?;
        if new_entries.iter().any(|entry| entry.model_version == id) {
            self.store.insert_version(&version).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pipeline::Definition;

    use super::*;
    use crate::log_entry::LogEntry;
    use crate::store::{SqliteStore, Store};
    use crate::test_versions::version;

    #[tokio::test]
    async fn a_version_activated_while_it_is_deleted_stays() {
        let store = SqliteStore::open(":memory:", Definition::shipped()).unwrap();
        let registry = ModelRegistry::new(Arc::new(store.clone()));
        let version = version(1);
        let id = &version.info.model_version;
        registry.submit(&version).await.unwrap();
        // The other replica activates the version after the log is read and before the deletion.
        let sequence = store.last_entry().await.unwrap().unwrap().sequence;
        registry.activate(id, true).await.unwrap();
        registry.delete(id, sequence).await.unwrap();
        assert_eq!(store.version(id).await.unwrap().as_ref(), Some(&version));

        // The other replica reads the version, then the version is deleted, then it is activated.
        let activation = store.last_activations(1).await.unwrap().remove(0);
        store.delete_version(id).await.unwrap();
        let later = LogEntry {
            sequence: activation.sequence + 1,
            ..activation
        };
        assert!(registry.append(&later, Some(&version)).await.unwrap());
        assert_eq!(store.version(id).await.unwrap().as_ref(), Some(&version));
    }
}
