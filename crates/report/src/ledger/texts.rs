//! Texts that many records share, stored once.

use std::collections::HashSet;
use std::sync::Arc;

/// Texts that many records share.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    known: HashSet<Arc<str>>,
}

impl Texts {
    /// At this number of texts, those that no record has are removed.
    const MANY: usize = 4_096;

    pub(super) fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        if self.known.len() >= Self::MANY {
            self.known.retain(|text| Arc::strong_count(text) > 1);
        }
        let text: Arc<str> = text.into();
        // If every record has its own, sharing does not help.
        if self.known.len() < Self::MANY {
            self.known.insert(Arc::clone(&text));
        }
        text
    }
}
