//! The transient queries that somebody listens to, so that they can be closed by their id.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The open queries; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenQueries {
    open: Arc<Mutex<HashMap<String, CancellationToken>>>,
    scans: Arc<AtomicU64>,
}

impl OpenQueries {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of a query that the runtime does not know.
    pub(crate) fn next_id(&self, source: &str) -> String {
        let number = self.scans.fetch_add(1, Ordering::Relaxed);
        format!("transient_{source}_scan_{number}")
    }

    /// A query is open until the guard is dropped; it is to end when `stop` is cancelled.
    pub(crate) fn add(&self, id: String, stop: CancellationToken) -> OpenGuard {
        self.lock().insert(id.clone(), stop);
        OpenGuard {
            queries: self.clone(),
            id,
        }
    }

    /// Ends a query; false where none has that id.
    pub(crate) fn close(&self, id: &str) -> bool {
        match self.lock().remove(id) {
            Some(stop) => {
                stop.cancel();
                true
            }
            None => false,
        }
    }
}

/// Keeps a query in the list.
#[derive(Debug)]
pub(crate) struct OpenGuard {
    queries: OpenQueries,
    id: String,
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.queries.lock().remove(&self.id);
    }
}
