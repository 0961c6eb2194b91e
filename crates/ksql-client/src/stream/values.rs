//! JSON values in bytes that arrive in pieces.

use serde_json::value::RawValue;

const LONGEST_VALUE: usize = 64 << 20;

/// The bytes are not the response to a query.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StreamError {
    /// Anything but a JSON object or array.
    #[error("expected JSON, found `{0}`")]
    NotJson(String),
    #[error("a value is longer than {} MiB", LONGEST_VALUE >> 20)]
    TooLong,
    /// The bytes end in a value, or before the array is closed.
    #[error("it is cut short: the server or the connection broke off")]
    CutShort,
}

/// Splits bytes into objects and arrays: the elements of one array, or a sequence of values.
#[derive(Default)]
pub(crate) struct Values {
    place: Place,
    in_array: bool,
    /// The incomplete value.
    value: Vec<u8>,
    depth: usize,
    in_text: bool,
    escaped: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    Between,
    Inside,
    Closed,
}

impl Values {
    /// The values that end in these bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Box<RawValue>>, StreamError> {
        let mut values = Vec::new();
        for &byte in bytes {
            if self.place == Place::Inside {
                if self.ends_with(byte)? {
                    self.place = Place::Between;
                    values.push(raw(std::mem::take(&mut self.value))?);
                }
            } else {
                self.between(byte)?;
            }
        }
        Ok(values)
    }

    /// Checks that the last value and the array are complete.
    pub(crate) fn finish(&self) -> Result<(), StreamError> {
        match self.place {
            Place::Closed => Ok(()),
            Place::Between if !self.in_array => Ok(()),
            _ => Err(StreamError::CutShort),
        }
    }

    fn between(&mut self, byte: u8) -> Result<(), StreamError> {
        match (byte, self.place) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => {}
            (b'[', Place::Start) => {
                self.in_array = true;
                self.place = Place::Between;
            }
            (b']', Place::Between) if self.in_array => self.place = Place::Closed,
            (b',', Place::Between) if self.in_array => {}
            (b'{' | b'[', Place::Start | Place::Between) => {
                self.place = Place::Inside;
                self.value.push(byte);
                self.depth = 1;
            }
            _ => return Err(StreamError::NotJson(char::from(byte).to_string())),
        }
        Ok(())
    }

    fn ends_with(&mut self, byte: u8) -> Result<bool, StreamError> {
        self.value.push(byte);
        if self.value.len() > LONGEST_VALUE {
            return Err(StreamError::TooLong);
        }
        if self.escaped {
            self.escaped = false;
        } else if self.in_text {
            match byte {
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
        }
        Ok(self.depth == 0)
    }
}

fn raw(bytes: Vec<u8>) -> Result<Box<RawValue>, StreamError> {
    let not_json = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        StreamError::NotJson(text.chars().take(200).collect())
    };
    let text = String::from_utf8(bytes).map_err(|error| not_json(error.as_bytes()))?;
    serde_json::from_str(&text).map_err(|_| not_json(text.as_bytes()))
}
