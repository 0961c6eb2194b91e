//! What `PRINT` answers: text, with blank lines that keep the connection alive.

/// Takes the blank lines out of a text that comes in pieces; every other byte stays.
#[derive(Clone, Debug)]
pub struct Lines {
    at_start: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self { at_start: true }
    }
}

impl Lines {
    /// These bytes without blank lines.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            if !(self.at_start && byte == b'\n') {
                kept.push(byte);
            }
            self.at_start = byte == b'\n';
        }
        kept
    }
}
