//! Which versions are forgotten.

use std::time::Duration;

use messages::EventTime;

use super::Life;
use crate::decision::Decision;
use crate::store::StoreError;

/// Versions that were live within this time are not forgotten.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Activations that are looked at to find them.
const MAX_ACTIVATIONS: u32 = 10_000;

impl Life {
    /// Forgets the oldest versions beyond `keep`, except those that were live during the last day
    /// and those that are not decided on.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn prune(&self, keep: u64) -> Result<(), StoreError> {
        let count = self.store.count_versions().await?;
        if count <= keep {
            return Ok(());
        }
        let mut protected = self.store.undecided_versions().await?;
        protected.extend(live_since(
            EventTime::now().before(DAY),
            self.store.last_activations(MAX_ACTIVATIONS).await?,
        ));
        let ids = self.store.version_ids().await?.into_iter();
        let oldest = ids.filter(|id| !protected.contains(id));
        for id in oldest.take(usize::try_from(count - keep).unwrap_or(usize::MAX)) {
            self.store.delete_version(&id).await?;
            tracing::info!(version = id, keep, "an old version is forgotten");
        }
        Ok(())
    }
}

/// The versions that were live at some moment since `time`, from activations, newest first.
fn live_since(time: EventTime, activations: Vec<Decision>) -> Vec<String> {
    let mut live = Vec::new();
    for activation in activations {
        live.push(activation.model_version);
        // The ones before it had ended when this one began.
        if activation.time < time {
            break;
        }
    }
    live
}
