//! The formats of keys and values: from bytes to values and back.

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

/// The format of keys or values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON: a single key column is a bare value, everything else an object.
    Json,
    /// Kafka's own serializers: one INTEGER, BIGINT, DOUBLE or VARCHAR.
    Kafka,
    /// No key.
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

/// Why bytes cannot be read as a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

/// Reads the columns of a key or a value.
#[derive(Debug)]
pub(crate) enum Reader {
    Json(JsonReader),
    /// One bare JSON value: a single key column.
    JsonAlone(SqlType),
    Kafka(SqlType),
    /// No columns: the bytes are ignored.
    Nothing,
}

impl Reader {
    /// A reader for values. Columns that are not `used` are checked, but read as null.
    pub(crate) fn value(format: Format, columns: &[Column], used: &[bool]) -> Self {
        match (format, columns) {
            (Format::Kafka, [column]) => Reader::Kafka(column.ty.clone()),
            _ => Reader::Json(JsonReader::new(columns, used)),
        }
    }

    /// A reader for keys.
    pub(crate) fn key(format: Format, columns: &[Column]) -> Self {
        match (format, columns) {
            (Format::None, _) | (_, []) => Reader::Nothing,
            (Format::Kafka, [column]) => Reader::Kafka(column.ty.clone()),
            (_, [column]) => Reader::JsonAlone(column.ty.clone()),
            _ => Reader::Json(JsonReader::new(columns, &vec![true; columns.len()])),
        }
    }

    /// Appends the columns to `row`.
    pub(crate) fn read(&mut self, bytes: &[u8], row: &mut Vec<Value>) -> Result<(), DecodeError> {
        match self {
            Reader::Nothing => {}
            Reader::Json(reader) => reader.read(bytes, row)?,
            Reader::JsonAlone(ty) => row.push(json_read::read_alone(bytes, ty)?),
            Reader::Kafka(ty) => row.push(kafka::read(bytes, ty)?),
        }
        Ok(())
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
    /// A writer for values.
    pub(crate) fn value(format: Format, columns: &[Column]) -> Self {
        match format {
            Format::Kafka => Writer::Kafka,
            _ => Writer::Json(JsonWriter::new(columns)),
        }
    }

    /// A writer for keys.
    pub(crate) fn key(format: Format, columns: &[Column]) -> Self {
        match (format, columns) {
            (Format::None, _) | (_, []) => Writer::Nothing,
            (Format::Kafka, _) => Writer::Kafka,
            (Format::Json, [column]) => Writer::JsonAlone(column.ty.clone()),
            (Format::Json, _) => Writer::Json(JsonWriter::new(columns)),
        }
    }

    /// The shared bytes of one column; `None` for null.
    pub(crate) fn write_shared(&self, value: &Value) -> Option<Arc<[u8]>> {
        match (self, value) {
            // The key shares the bytes of the text.
            (Writer::Kafka, Value::Text(text)) => Some(Arc::from(Arc::clone(text))),
            _ => self.write([value]).map(Arc::from),
        }
    }

    /// The value after it was written and read again.
    pub(crate) fn reread(&self, value: Value) -> Value {
        match self {
            Writer::Json(_) | Writer::JsonAlone(_) => value.through_json(),
            Writer::Kafka | Writer::Nothing => value,
        }
    }

    /// The bytes; `None` for null.
    pub(crate) fn write<'v>(&self, values: impl IntoIterator<Item = &'v Value>) -> Option<Vec<u8>> {
        let mut bytes = match self {
            // Large enough for most objects.
            Writer::Json(_) => Vec::with_capacity(384),
            _ => Vec::new(),
        };
        self.append(values, &mut bytes).then_some(bytes)
    }

    /// Appends the bytes; `false` for null.
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
