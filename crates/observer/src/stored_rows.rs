//! Which rows are in the store.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model_store::{Store, StoreError};

/// Maximum number of rows in one query.
const CHUNK: usize = 500;

/// The rows found in a store so far, by id (`_id`). A found row is not queried again, so the cost of a
/// query depends on the missing rows and not on the size of the store. Clones share the found rows.
#[derive(Clone, Debug)]
pub struct StoredRows {
    store: Arc<dyn Store>,
    found: Arc<Mutex<HashSet<String>>>,
}

impl StoredRows {
    /// The rows of a store; none is queried yet.
    pub fn of(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            found: Arc::default(),
        }
    }

    /// Those of `rows` that are in the store. Forgets found rows that are not among `rows`.
    ///
    /// # Errors
    /// If the store cannot be read. Rows found until then are not queried again.
    pub async fn among(&self, rows: &HashSet<String>) -> Result<HashSet<String>, StoreError> {
        self.found().retain(|id| rows.contains(id));
        let missing: Vec<String> = rows.difference(&self.found()).cloned().collect();
        for ids in missing.chunks(CHUNK) {
            let found = self.store.rows_among(ids).await?;
            self.found().extend(found);
        }
        Ok(rows.intersection(&self.found()).cloned().collect())
    }

    fn found(&self) -> MutexGuard<'_, HashSet<String>> {
        // A panic cannot leave the set half changed.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
