//! The rows of the training data, read from a store.

use std::collections::HashSet;

use model_server::store::{Page, Store, StoreError};

/// How many rows are read at a time.
const CHUNK: u32 = 500;

/// The identities (`_id`) of all rows.
///
/// # Errors
/// Where the store cannot be read.
pub async fn stored_rows(store: &dyn Store) -> Result<HashSet<String>, StoreError> {
    let mut ids = HashSet::new();
    let mut page = Page {
        skip: 0,
        limit: CHUNK,
    };
    loop {
        let rows = store.newest_rows(None, page).await?;
        page.skip += rows.len() as u64;
        let last = rows.len() < CHUNK as usize;
        ids.extend(
            rows.iter()
                .filter_map(|row| Some(row.get("_id")?.as_str()?.to_owned())),
        );
        if last {
            return Ok(ids);
        }
    }
}
