//! Which rows are in the store.

use std::collections::HashSet;
use std::sync::Arc;

use model_store::{Store, StoreError};

use crate::observer::Observer;

/// Maximum number of rows in one query.
const CHUNK: usize = 500;

/// Looks for the joined rows of a ledger in a store. A row that was found is not queried again, so the
/// cost of a query depends on the missing rows and not on the size of the store.
#[derive(Clone, Debug)]
pub struct StoredRows(Arc<dyn Store>);

impl StoredRows {
    /// The rows of a store; none is queried yet.
    pub fn of(store: Arc<dyn Store>) -> Self {
        Self(store)
    }

    /// Queries the store for the rows that it is not known to have, and notes them in the ledger.
    /// Returns whether any was found.
    ///
    /// # Errors
    /// If the store cannot be read. Rows found until then are not queried again.
    pub async fn check(&self, observer: &Observer) -> Result<bool, StoreError> {
        let (mut after, mut any) = (None, false);
        loop {
            let (rows, last) = observer.ledger().rows_to_check(after, CHUNK);
            if !rows.is_empty() {
                let ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
                let found: HashSet<_> = self.0.rows_among(&ids).await?.into_iter().collect();
                any |= !found.is_empty();
                observer.ledger().note_stored(&rows, &found);
            }
            if last.is_none() {
                return Ok(any);
            }
            after = last;
        }
    }
}
