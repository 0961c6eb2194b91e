//! The live model: replaced as a whole, read without a lock.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use crate::log_entry::LogEntry;
use crate::version::{VersionInfo, model_time};

/// The live version and the log entry that activated it.
#[derive(Debug)]
pub struct LiveModel {
    /// The version.
    pub info: VersionInfo,
    /// When it was trained, as [`model_time`] formats it.
    pub model_time: String,
    /// The log entry that activated it.
    pub activation: LogEntry,
}

impl LiveModel {
    /// A version with its activation.
    pub fn new(info: VersionInfo, activation: LogEntry) -> Self {
        Self {
            model_time: model_time(info.trained),
            info,
            activation,
        }
    }
}

/// Holds the live model. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct LiveSlot(Arc<ArcSwapOption<LiveModel>>);

impl LiveSlot {
    /// A guard on the live model, to be held only briefly, such as during a request.
    pub fn load(&self) -> Guard<Option<Arc<LiveModel>>> {
        self.0.load()
    }

    /// The live model, which the caller may keep.
    pub fn get(&self) -> Option<Arc<LiveModel>> {
        self.0.load_full()
    }

    /// Replaces the live model.
    pub fn swap(&self, model: Arc<LiveModel>) {
        self.0.store(Some(model));
    }
}
