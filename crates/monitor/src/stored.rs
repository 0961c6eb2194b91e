//! Which rows are in the store, asked only for those that are not known to be there.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use model_server::store::{Page, Store, StoreError};

/// Rows read at a time.
const CHUNK: u32 = 100;
/// How often rows are looked for beyond the newest ones.
const DEEP: Duration = Duration::from_secs(10);

/// The identities (`_id`) of rows that were seen in the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    known: HashSet<String>,
    deep: Option<Instant>,
}

impl Stored {
    /// The rows that are known to be stored.
    pub(crate) fn rows(&self) -> &HashSet<String> {
        &self.known
    }

    /// Looks for `rows` in the store, and forgets all others.
    pub(crate) async fn look_for(
        &mut self,
        rows: &HashSet<String>,
        store: &dyn Store,
    ) -> Result<(), StoreError> {
        self.known.retain(|id| rows.contains(id));
        let mut page = Page {
            skip: 0,
            limit: CHUNK,
        };
        let now = Instant::now();
        let deep = self.deep.is_none_or(|last| last + DEEP <= now);
        while self.known.len() < rows.len() {
            let found = store.newest_rows(None, page).await?;
            let ids = found.iter().filter_map(|row| row.get("_id")?.as_str());
            let wanted = ids.filter(|id| rows.contains(*id));
            self.known.extend(wanted.map(str::to_owned));
            page.skip += found.len() as u64;
            let beyond = page.skip > 2 * rows.len() as u64;
            if !deep || beyond || found.len() < CHUNK as usize {
                break;
            }
            self.deep = Some(now);
        }
        Ok(())
    }
}
