//! Which versions are forgotten.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pipeline::EventTime;

use super::Life;
use crate::store::StoreError;

/// Versions that were live within this time are not forgotten.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Life {
    /// Forgets the oldest versions beyond `keep`, except those that were live during the last day
    /// and those that are not decided on. Looks for them only where this process has stored a
    /// version since it looked last.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn prune(&self, keep: u64) -> Result<(), StoreError> {
        if !self.grown.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let pruned = self.prune_now(keep).await;
        if pruned.is_err() {
            self.grown.store(true, Ordering::Relaxed);
        }
        pruned
    }

    async fn prune_now(&self, keep: u64) -> Result<(), StoreError> {
        if self.store.count_versions().await? <= keep {
            return Ok(());
        }
        let last = self.store.last_decision().await?;
        let sequence = last.map_or(0, |last| last.sequence);
        let undecided = self.store.undecided_versions().await?;
        let mut protected: HashSet<_> = undecided.into_iter().collect();
        protected.extend(self.store.live_since(EventTime::now().before(DAY)).await?);
        let ids = self.store.version_ids().await?;
        // Of what is listed: another replica may have forgotten some since they were counted.
        let surplus = ids
            .len()
            .saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
        let oldest = ids.into_iter().filter(|id| !protected.contains(id));
        for id in oldest.take(surplus) {
            self.forget(&id, sequence).await?;
            tracing::info!(version = id, keep, "an old version is forgotten");
        }
        Ok(())
    }

    /// Forgets a version, unless the log has an entry on it after `sequence`: another replica
    /// decided on it meanwhile.
    async fn forget(&self, id: &str, sequence: u64) -> Result<(), StoreError> {
        let Some(version) = self.store.version(id).await? else {
            return Ok(());
        };
        self.store.delete_version(id).await?;
        // After it is gone: who appends later stores it again (see `append`).
        let news = self.store.decisions_after(sequence).await?;
        if news.iter().any(|entry| entry.model_version == id) {
            self.store.insert_version(&version).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::SqliteStore;
    use crate::decision::Decision;
    use crate::seed::first_version;
    use crate::store::Store;

    #[tokio::test]
    async fn a_version_that_another_replica_activates_while_it_is_forgotten_stays() {
        let store = SqliteStore::open(":memory:").unwrap();
        let life = Life::new(Arc::new(store.clone()));
        let version = first_version(None).unwrap();
        let id = &version.info.model_version;
        life.introduce(&version).await.unwrap();
        // What is read before the other's activation, the deletion after it.
        let sequence = store.last_decision().await.unwrap().unwrap().sequence;
        life.activate(id, true).await.unwrap();
        life.forget(id, sequence).await.unwrap();
        assert_eq!(store.version(id).await.unwrap().as_ref(), Some(&version));

        // The deletion before the other's activation, which has looked for the version already.
        let activation = store.last_activations(1).await.unwrap().remove(0);
        store.delete_version(id).await.unwrap();
        let later = Decision {
            sequence: activation.sequence + 1,
            ..activation
        };
        assert!(life.append(&later, &version).await.unwrap());
        assert_eq!(store.version(id).await.unwrap().as_ref(), Some(&version));
    }
}
