//! Texts that come again and again are kept once.

use std::sync::Arc;

/// The texts that came last, so that one which comes again and again is stored once.
#[derive(Debug, Default)]
pub(crate) struct Texts(Vec<Option<Arc<str>>>);

impl Texts {
    /// A text that is equal to `text`, perhaps one that exists already.
    pub(crate) fn shared(&mut self, text: &str) -> Arc<str> {
        const PLACES: usize = 128;
        const LONGEST: usize = 64;
        let bytes = text.as_bytes();
        if bytes.len() > LONGEST {
            return Arc::from(text);
        }
        self.0.resize(PLACES, None);
        // Both ends and the length tell most texts of one column apart.
        let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let ends = match bytes.len() {
            8.. => word(bytes.first_chunk()) ^ word(bytes.last_chunk()).rotate_left(17),
            _ => bytes
                .iter()
                .fold(0, |word, byte| (word << 8) | u64::from(*byte)),
        };
        let mixed = (ends ^ bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let hash = (mixed >> 57) as usize;
        match self.0.get_mut(hash % PLACES) {
            Some(Some(known)) if **known == *text => Arc::clone(known),
            Some(place) => Arc::clone(place.insert(Arc::from(text))),
            None => Arc::from(text),
        }
    }
}
