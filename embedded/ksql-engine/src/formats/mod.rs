//! Records' bytes and rows' values: how keys and values are read and written.

mod json_read;
mod json_write;
pub(crate) mod kafka;
mod scan;

use std::sync::Arc;

pub use json_write::write_value;

use crate::formats::json_read::JsonReader;
use crate::formats::json_write::JsonWriter;
use crate::schema::Column;
use crate::types::SqlType;
use crate::value::Value;

/// How a key or a value is put into bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON text; a single key column stands for itself, everything else is an object.
    Json,
    /// The serializers of Kafka's own clients: one INTEGER, BIGINT, DOUBLE or VARCHAR.
    Kafka,
    /// No key at all.
    None,
}

impl Format {
    /// Its name in a `WITH` clause.
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "JSON",
            Format::Kafka => "KAFKA",
            Format::None => "NONE",
        }
    }
}

/// Bytes that are no row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

/// Reads the columns of a key or a value.
#[derive(Debug)]
pub(crate) enum Reader {
    Json(JsonReader),
    /// One bare JSON value: the only key column.
    JsonAlone(SqlType),
    Kafka(SqlType),
    /// No columns: the bytes do not matter.
    Nothing,
}

impl Reader {
    /// For a value. Columns that are not `used` are checked, but read as null.
    pub(crate) fn value(format: Format, columns: &[Column], used: &[bool]) -> Self {
        match (format, columns) {
            (Format::Kafka, [column]) => Reader::Kafka(column.ty.clone()),
            _ => Reader::Json(JsonReader::new(columns, used)),
        }
    }

    /// For a key.
    pub(crate) fn key(format: Format, columns: &[Column]) -> Self {
        match (format, columns) {
            (Format::None, _) | (_, []) => Reader::Nothing,
            (Format::Kafka, [column]) => Reader::Kafka(column.ty.clone()),
            (_, [column]) => Reader::JsonAlone(column.ty.clone()),
            _ => Reader::Json(JsonReader::new(columns, &vec![true; columns.len()])),
        }
    }

    /// Puts the columns behind what `row` already holds. `false` if the bytes say that there is no
    /// row (a JSON `null`); then nothing was added.
    pub(crate) fn read(&mut self, bytes: &[u8], row: &mut Vec<Value>) -> Result<bool, DecodeError> {
        match self {
            Reader::Nothing => Ok(true),
            Reader::Json(reader) => reader.read(bytes, row),
            Reader::JsonAlone(ty) => {
                row.push(json_read::read_alone(bytes, ty)?);
                Ok(true)
            }
            Reader::Kafka(ty) => {
                row.push(kafka::read(bytes, ty)?);
                Ok(true)
            }
        }
    }
}

/// Writes the columns of a key or a value.
#[derive(Debug)]
pub(crate) enum Writer {
    Json(JsonWriter),
    JsonAlone(SqlType),
    Kafka,
    Nothing,
}

impl Writer {
    /// For a value.
    pub(crate) fn value(format: Format, columns: &[Column]) -> Self {
        match format {
            Format::Kafka => Writer::Kafka,
            _ => Writer::Json(JsonWriter::new(columns)),
        }
    }

    /// For a key.
    pub(crate) fn key(format: Format, columns: &[Column]) -> Self {
        match (format, columns) {
            (Format::None, _) | (_, []) => Writer::Nothing,
            (Format::Kafka, _) => Writer::Kafka,
            (Format::Json, [column]) => Writer::JsonAlone(column.ty.clone()),
            (Format::Json, _) => Writer::Json(JsonWriter::new(columns)),
        }
    }

    /// The bytes of one column to be shared; none where the format has a null of its own.
    pub(crate) fn write_shared(&self, value: &Value) -> Option<Arc<[u8]>> {
        match (self, value) {
            // The text's own bytes are the key's.
            (Writer::Kafka, Value::Text(text)) => Some(Arc::from(Arc::clone(text))),
            _ => self.write([value]).map(Arc::from),
        }
    }

    /// The bytes; none where the format has a null of its own.
    pub(crate) fn write<'v>(&self, values: impl IntoIterator<Item = &'v Value>) -> Option<Vec<u8>> {
        let mut bytes = match self {
            // Most objects fit.
            Writer::Json(_) => Vec::with_capacity(384),
            _ => Vec::new(),
        };
        self.append(values, &mut bytes).then_some(bytes)
    }

    /// The same behind what `bytes` already holds; `false` where the format has a null of its own.
    pub(crate) fn append<'v>(
        &self,
        values: impl IntoIterator<Item = &'v Value>,
        bytes: &mut Vec<u8>,
    ) -> bool {
        match self {
            Writer::Nothing => return false,
            Writer::Json(writer) => writer.append(values, bytes),
            Writer::JsonAlone(ty) => match values.into_iter().next() {
                None | Some(Value::Null) => return false,
                Some(value) => json_write::write_value(value, ty, bytes),
            },
            Writer::Kafka => {
                return values
                    .into_iter()
                    .next()
                    .is_some_and(|value| kafka::append(value, bytes));
            }
        }
        true
    }
}
