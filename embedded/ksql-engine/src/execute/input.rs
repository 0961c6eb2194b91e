//! From records to rows.

use std::sync::Arc;

use crate::catalog::{KeyWindow, Source};
use crate::execute::record::Record;
use crate::formats::{DecodeError, Reader};
use crate::value::Value;

/// Reads the records of one source.
#[derive(Debug)]
pub(crate) struct Input {
    key: Reader,
    value: Reader,
    keys: usize,
    values: usize,
    /// The number of columns up to the last one that is read.
    needed: usize,
    window: Option<KeyWindow>,
}

/// Properties of a record other than its columns.
#[derive(Debug)]
pub(crate) struct Row {
    /// Whether the record has a value.
    pub(crate) has_value: bool,
    /// Whether the record has a key.
    pub(crate) has_key: bool,
    /// The start of the window in its key.
    pub(crate) window_start: Option<i64>,
}

impl Input {
    /// `used` says for each column whether an expression reads it; columns beyond its end are unused.
    pub(crate) fn new(source: &Arc<Source>, used: &[bool]) -> Self {
        let (keys, values) = (source.schema.key.len(), source.schema.value.len());
        let all = keys + values + 3 + if source.window.is_some() { 2 } else { 0 };
        let own = used.get(..all).unwrap_or(used);
        let last = own.iter().rposition(|used| *used);
        Self {
            key: Reader::key(source.key_format, &source.schema.key),
            value: Reader::value(
                source.value_format,
                &source.schema.value,
                used.get(keys..).unwrap_or(&[]),
            ),
            keys,
            values,
            needed: last.map_or(keys, |last| keys.max(last + 1)),
            window: source.window,
        }
    }

    /// The number of key columns.
    pub(crate) fn keys(&self) -> usize {
        self.keys
    }

    /// Reads the used columns into `values`: key, value, pseudo columns, window bounds. If the record
    /// has no value, its value columns are null.
    pub(crate) fn read(
        &mut self,
        record: &Record,
        values: &mut Vec<Value>,
    ) -> Result<Row, DecodeError> {
        values.clear();
        let mut window_start = None;
        let mut has_key = false;
        if let Some(bytes) = record.key.as_deref() {
            let mut bytes = bytes;
            if self.window.is_some() {
                let Some((key, start)) = bytes.split_last_chunk::<8>() else {
                    return Err(DecodeError(
                        "expected a key that ends with a window's start (8 bytes), got a shorter one".to_owned(),
                    ));
                };
                bytes = key;
                window_start = Some(i64::from_be_bytes(*start));
            }
            self.key.read(bytes, values)?;
            has_key = self.keys > 0;
        }
        values.resize(self.keys, Value::Null);
        if let Some(bytes) = &record.value {
            self.value.read(bytes, values)?;
        }
        if self.needed > self.keys + self.values {
            values.resize(self.keys + self.values, Value::Null);
            values.push(Value::BigInt(record.timestamp));
            values.push(Value::Integer(record.partition as i32));
            values.push(Value::BigInt(record.offset));
            if let Some(window) = self.window {
                values.push(window_start.map_or(Value::Null, Value::BigInt));
                let end = window_start.map(|start| start.saturating_add(window.size_ms));
                values.push(end.map_or(Value::Null, Value::BigInt));
            }
        }
        values.resize(self.needed, Value::Null);
        Ok(Row {
            has_value: record.value.is_some(),
            has_key,
            window_start,
        })
    }
}
