//! The model that answers: swapped as a whole, read without a lock.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use crate::decision::Decision;
use crate::version::{VersionInfo, model_time};

/// A version that is live, and the decision that made it so.
#[derive(Debug)]
pub struct LiveModel {
    /// The version.
    pub info: VersionInfo,
    /// When it was trained, as written on the wire.
    pub model_time: String,
    /// What activated it.
    pub activation: Decision,
}

impl LiveModel {
    /// A version with its activation.
    pub fn new(info: VersionInfo, activation: Decision) -> Self {
        Self {
            model_time: model_time(info.trained),
            info,
            activation,
        }
    }
}

/// The slot of the live model; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<ArcSwapOption<LiveModel>>);

impl Live {
    /// The live model, for as long as a request needs it.
    pub fn load(&self) -> Guard<Option<Arc<LiveModel>>> {
        self.0.load()
    }

    /// The live model, to keep.
    pub fn get(&self) -> Option<Arc<LiveModel>> {
        self.0.load_full()
    }

    /// From now on `model` answers.
    pub fn swap(&self, model: Arc<LiveModel>) {
        self.0.store(Some(model));
    }
}
