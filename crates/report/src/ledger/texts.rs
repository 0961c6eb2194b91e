//! Texts that many fish share, stored once.

use std::collections::HashSet;
use std::sync::Arc;

use super::fish::Numbers;

/// Texts that many fish share.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    known: HashSet<Arc<str>>,
    /// The names of the numeric fields of the newest measurement.
    names: Arc<[Box<str>]>,
}

impl Texts {
    /// At this number of texts, those that no fish has are removed.
    const MANY: usize = 4_096;

    pub(super) fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        if self.known.len() >= Self::MANY {
            self.known.retain(|text| Arc::strong_count(text) > 1);
        }
        let text: Arc<str> = text.into();
        // If every fish has its own, sharing does not help.
        if self.known.len() < Self::MANY {
            self.known.insert(Arc::clone(&text));
        }
        text
    }

    pub(super) fn numbers(&mut self, fields: &[(String, f64)]) -> Numbers {
        let known = self.names.iter().map(|name| &**name);
        if !known.eq(fields.iter().map(|(name, _)| name.as_str())) {
            let names = fields.iter().map(|(name, _)| name.as_str().into());
            self.names = names.collect();
        }
        // Collecting would reuse the larger allocation of the fields, and leave holes in the heap.
        let mut values = Vec::with_capacity(fields.len());
        values.extend(fields.iter().map(|(_, value)| *value));
        Numbers {
            names: Arc::clone(&self.names),
            values: values.into_boxed_slice(),
        }
    }
}
