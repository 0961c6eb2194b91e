//! JSON values in bytes that arrive in pieces.

use serde_json::value::RawValue;

const LONGEST_VALUE: usize = 64 << 20;

/// Why bytes cannot be read as the response to a query.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StreamError {
    /// The bytes are not JSON objects or arrays.
    #[error("expected JSON, found `{0}`")]
    NotJson(String),
    #[error("a value is longer than {} MiB", LONGEST_VALUE >> 20)]
    TooLong,
    /// The bytes end inside a value, or before the array is closed.
    #[error("it is incomplete: the server or the connection failed")]
    Incomplete,
}

/// Splits bytes into objects and arrays: the elements of one array, or a sequence of values.
#[derive(Default)]
pub(crate) struct Values {
    state: State,
    in_array: bool,
    /// The incomplete value.
    value: Vec<u8>,
    depth: usize,
    in_text: bool,
    escaped: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Between,
    Inside,
    Closed,
}

impl Values {
    /// The values that are complete after these bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Box<RawValue>>, StreamError> {
        let mut values = Vec::new();
        for &byte in bytes {
            if self.state == State::Inside {
                if self.push_inside(byte)? {
                    self.state = State::Between;
                    values.push(raw(std::mem::take(&mut self.value))?);
                }
            } else {
                self.push_outside(byte)?;
            }
        }
        Ok(values)
    }

    /// Checks that the last value and the array are complete.
    pub(crate) fn finish(&self) -> Result<(), StreamError> {
        match self.state {
            State::Closed => Ok(()),
            State::Between if !self.in_array => Ok(()),
            _ => Err(StreamError::Incomplete),
        }
    }

    fn push_outside(&mut self, byte: u8) -> Result<(), StreamError> {
        match (byte, self.state) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => {}
            (b'[', State::Start) => {
                self.in_array = true;
                self.state = State::Between;
            }
            (b']', State::Between) if self.in_array => self.state = State::Closed,
            (b',', State::Between) if self.in_array => {}
            (b'{' | b'[', State::Start | State::Between) => {
                self.state = State::Inside;
                self.value.push(byte);
                self.depth = 1;
            }
            _ => return Err(StreamError::NotJson(char::from(byte).to_string())),
        }
        Ok(())
    }

    fn push_inside(&mut self, byte: u8) -> Result<bool, StreamError> {
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
