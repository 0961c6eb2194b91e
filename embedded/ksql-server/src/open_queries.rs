//! The open transient queries, which can be closed by their ids.

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

    /// An id for a query outside of the runtime.
    pub(crate) fn next_id(&self, source: &str) -> String {
        let number = self.scans.fetch_add(1, Ordering::Relaxed);
        format!("transient_{source}_scan_{number}")
    }

    /// Registers a query until the guard is dropped. Closing it cancels `stop`.
    pub(crate) fn add(&self, id: String, stop: CancellationToken) -> OpenGuard {
        self.lock().insert(id.clone(), stop);
        OpenGuard {
            queries: self.clone(),
            id,
        }
    }

    /// Closes a query; false if no query has this id.
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

/// Keeps a query registered.
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
