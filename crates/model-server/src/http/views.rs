//! The versions of a page of the history.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model_store::{ModelView, Page, Store, StoreError};

/// Views of versions, without decisions. Versions do not change. Reading one that was trained on thousands of rows
/// takes long, and clients poll the list.
#[derive(Clone, Debug, Default)]
pub(super) struct VersionViews(Arc<Mutex<HashMap<String, ModelView>>>);

impl VersionViews {
    /// The versions of a page, newest first, and the number of all versions. Reads those that it has not read yet.
    pub(super) async fn page(
        &self,
        store: &dyn Store,
        page: Page,
    ) -> Result<(Vec<ModelView>, u64), StoreError> {
        let mut ids = store.version_ids().await?;
        ids.reverse();
        let total = ids.len() as u64;
        self.keep(&ids);
        let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
        let on_page: Vec<&String> = ids.iter().skip(skip).take(page.limit as usize).collect();
        // The newest, or all after a start.
        let is_new = |id: &&&String| !self.views().contains_key(**id);
        let first = on_page.iter().position(|id| is_new(&id));
        let last = on_page.iter().rposition(|id| is_new(&id));
        if let Some((first, last)) = first.zip(last) {
            let new = Page {
                skip: page.skip + first as u64,
                limit: (last - first + 1) as u32,
            };
            let read = store.versions(new).await?;
            let read = read.iter().map(|info| {
                (
                    info.model_version.clone(),
                    ModelView::new(info, Vec::new(), None),
                )
            });
            self.views().extend(read);
        }
        let views = self.views();
        // Without those that were deleted in the meantime.
        let found = on_page.into_iter().filter_map(|id| views.get(id).cloned());
        Ok((found.collect(), total))
    }

    /// Forgets deleted versions.
    fn keep(&self, ids: &[String]) {
        let ids: HashSet<&String> = ids.iter().collect();
        self.views().retain(|id, _| ids.contains(id));
    }

    fn views(&self) -> MutexGuard<'_, HashMap<String, ModelView>> {
        // A panic cannot leave the map half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
