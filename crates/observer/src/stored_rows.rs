//! Which rows of the training data are in a store.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model_server::store::{Store, StoreError};

/// How many rows are asked for at a time.
const CHUNK: usize = 500;

/// The awaited rows, by their identities (`_id`), as far as they were seen in a store. What was seen
/// there is not asked for again: a look costs what is awaited, however much the store holds. Clones
/// share what was seen.
#[derive(Clone, Debug)]
pub struct StoredRows {
    store: Arc<dyn Store>,
    known: Arc<Mutex<HashSet<String>>>,
}

impl StoredRows {
    /// Nothing was looked for yet.
    pub fn of(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            known: Arc::default(),
        }
    }

    /// Those of `rows` that are in the store. What is not among them is not remembered any more.
    ///
    /// # Errors
    /// Where the store cannot be read. What was seen until then is known at the next look.
    pub async fn among(&self, rows: &HashSet<String>) -> Result<HashSet<String>, StoreError> {
        let awaited: Vec<String> = {
            let mut known = self.known();
            known.retain(|id| rows.contains(id));
            rows.iter()
                .filter(|id| !known.contains(*id))
                .cloned()
                .collect()
        };
        for ids in awaited.chunks(CHUNK) {
            let found = self.store.rows_among(ids).await?;
            self.known().extend(found);
        }
        let known = self.known();
        Ok(rows
            .iter()
            .filter(|id| known.contains(*id))
            .cloned()
            .collect())
    }

    fn known(&self) -> MutexGuard<'_, HashSet<String>> {
        // A plain value that each change leaves whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
