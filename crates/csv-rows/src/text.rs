//! Checks the bytes of a file before they are read as CSV.

use std::io::{self, Read, Seek, SeekFrom};

/// The longest row in bytes. A quotation mark that is not closed makes the rest of a file one row.
pub(crate) const MAX_ROW: usize = 4 << 20;

/// What is wrong with the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TextFault {
    /// A byte is not part of UTF-8 text.
    NotUtf8 {
        /// Its line.
        line: u64,
        /// Offset in the file, from 1.
        byte: u64,
        /// The byte.
        value: u8,
    },
    /// The row is longer than [`MAX_ROW`].
    RowTooLong,
}

/// A file whose bytes are checked: UTF-8 without NUL, and rows of a limited length.
#[derive(Debug)]
pub(crate) struct Text<R> {
    source: R,
    /// Offset of the next byte.
    offset: u64,
    /// The line of the next byte.
    line: u64,
    /// The first bytes of a character whose other bytes have not been read.
    partial: Vec<u8>,
    /// How many bytes may still be read for the current row.
    left: usize,
    /// The newest bytes and their offset.
    newest: Vec<u8>,
    newest_at: u64,
    fault: Option<TextFault>,
}

impl<R: Read> Text<R> {
    pub(crate) fn new(source: R) -> Self {
        Self {
            source,
            offset: 0,
            line: 1,
            partial: Vec::new(),
            left: MAX_ROW,
            newest: Vec::new(),
            newest_at: 0,
            fault: None,
        }
    }

    /// Begins a new row.
    pub(crate) fn begin_row(&mut self) {
        self.left = MAX_ROW;
    }

    /// Counts lines from `line` on, after a seek to its beginning.
    pub(crate) fn continue_at(&mut self, line: u64) {
        self.line = line;
    }

    /// Why the last read failed, if the bytes were at fault.
    pub(crate) fn take_fault(&mut self) -> Option<TextFault> {
        self.fault.take()
    }

    /// The byte before `offset`, if it is among the newest ones.
    pub(crate) fn byte_before(&self, offset: u64) -> Option<u8> {
        let index = offset.checked_sub(1)?.checked_sub(self.newest_at)?;
        self.newest.get(usize::try_from(index).ok()?).copied()
    }

    /// The first byte that is not part of UTF-8 text.
    fn check(&mut self, bytes: &[u8]) -> Option<TextFault> {
        let start = self.offset - self.partial.len() as u64;
        let mut joined = std::mem::take(&mut self.partial);
        joined.extend_from_slice(bytes);
        let first_line = self.line;
        let fault = |joined: &[u8], at: usize| TextFault::NotUtf8 {
            line: first_line + newlines(&joined[..at]),
            byte: start + at as u64 + 1,
            value: joined[at],
        };
        let valid = match str::from_utf8(&joined) {
            Ok(_) => joined.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(error) => {
                let at = error.valid_up_to();
                // An earlier NUL is the first fault.
                let nul = joined[..at].iter().position(|byte| *byte == 0);
                let at = nul.unwrap_or(at);
                return Some(fault(&joined, at));
            }
        };
        if let Some(at) = joined[..valid].iter().position(|byte| *byte == 0) {
            return Some(fault(&joined, at));
        }
        self.partial = joined.split_off(valid);
        None
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        let bytes = &buffer[..read];
        let fault = if read == 0 {
            // A character is cut off at the end of the file.
            let byte = self.offset - self.partial.len() as u64 + 1;
            let cut = self.partial.first();
            cut.map(|value| TextFault::NotUtf8 {
                line: self.line,
                byte,
                value: *value,
            })
        } else if read > self.left {
            Some(TextFault::RowTooLong)
        } else {
            self.check(bytes)
        };
        if fault.is_some() {
            self.fault = fault;
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        if read > 0 {
            self.left -= read;
            self.newest.clear();
            self.newest.extend_from_slice(bytes);
            self.newest_at = self.offset;
            self.offset += read as u64;
            self.line += newlines(bytes);
        }
        Ok(read)
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

impl<R: Seek> Seek for Text<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.offset = self.source.seek(to)?;
        self.partial.clear();
        Ok(self.offset)
    }
}
