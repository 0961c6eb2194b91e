//! Rows as bytes, in each encoding that a client may request.

use axum::body::Bytes;
use serde_json::{Value as Json, json};

use crate::entities::schema;
use ksql_engine::execute::Change;
use ksql_engine::formats::write_value;
use ksql_engine::plan::{KeyPart, QueryPlan};
use ksql_engine::schema::Column;
use ksql_engine::value::Value;

/// The encoding of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// `application/vnd.ksql.v1+json`: one array of objects.
    V1,
    /// `application/vnd.ksqlapi.delimited.v1`: one JSON value per line.
    Delimited,
    /// `application/json`: one array of arrays.
    Array,
}

/// Why the rows end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The limit of the query was reached.
    Limit,
    /// All rows that existed at the start were sent.
    Completed,
    /// The query was closed.
    Closed,
}

impl Encoding {
    /// The content type of the response.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Encoding::V1 => "application/vnd.ksql.v1+json",
            Encoding::Delimited => "application/vnd.ksqlapi.delimited.v1",
            Encoding::Array => "application/json",
        }
    }

    /// The bytes before the rows.
    pub(super) fn header(self, query_id: &str, columns: &[Column]) -> Bytes {
        self.header_with(query_id, columns, &schema::line(columns))
    }

    fn header_with(self, query_id: &str, columns: &[Column], schema: &str) -> Bytes {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let types: Vec<String> = columns.iter().map(|column| column.ty.to_string()).collect();
        let metadata = json!({"queryId": query_id, "columnNames": names, "columnTypes": types});
        let text = match self {
            Encoding::V1 => {
                let header = json!({"queryId": query_id, "schema": schema});
                format!("[{},\n", json!({"header": header}))
            }
            Encoding::Delimited => format!("{metadata}\n"),
            Encoding::Array => format!("[{metadata}"),
        };
        text.into()
    }

    /// The bytes after the rows.
    pub(super) fn footer(self, end: End) -> Bytes {
        let message = match end {
            End::Limit => Some("Limit Reached"),
            End::Completed => Some("Query Completed"),
            End::Closed => None,
        };
        match (self, message) {
            (Encoding::V1, Some(message)) => {
                format!("{}]", json!({"finalMessage": message})).into()
            }
            (Encoding::V1 | Encoding::Array, _) => Bytes::from_static(b"]"),
            (Encoding::Delimited, _) => Bytes::new(),
        }
    }

    /// Ends the rows without a final message.
    pub(super) fn end_rows(self, bytes: &mut Vec<u8>) {
        if self == Encoding::V1 && bytes.ends_with(b",\n") {
            bytes.truncate(bytes.len() - 2);
        }
        if self != Encoding::Delimited {
            bytes.push(b']');
        }
    }

    /// The bytes that report a failure instead of further rows.
    pub(super) fn failure(self, error: &Json) -> Bytes {
        let text = match self {
            Encoding::V1 => format!("{}]", json!({"errorMessage": error})),
            Encoding::Delimited => format!("{error}\n"),
            Encoding::Array => format!(",{error}]"),
        };
        text.into()
    }
}

/// Writes the rows of one query, up to its limit.
#[derive(Debug)]
pub(super) struct RowWriter {
    encoding: Encoding,
    columns: Vec<Column>,
    /// The part of the key in each column: a deletion has only these.
    key_parts: Vec<Option<KeyPart>>,
    /// The number of rows until the limit.
    left: Option<u64>,
}

impl RowWriter {
    pub(super) fn new(encoding: Encoding, plan: &QueryPlan) -> Self {
        Self {
            encoding,
            columns: plan.result_columns(),
            key_parts: plan.key_parts(),
            left: plan.limit(),
        }
    }

    /// Whether the limit is reached.
    pub(super) fn is_full(&self) -> bool {
        self.left == Some(0)
    }

    /// The header before the rows of a table lookup: it marks the key columns.
    pub(super) fn table_header(&self, query_id: &str) -> Bytes {
        let columns = self.columns.iter().zip(&self.key_parts);
        let columns = columns.map(|(column, part)| match part {
            None => schema::column(column),
            Some(_) => format!("{} KEY", schema::column(column)),
        });
        let schema = columns.collect::<Vec<_>>().join(", ");
        self.encoding.header_with(query_id, &self.columns, &schema)
    }

    /// Appends a row unless the limit is reached. Encodings that cannot represent a deletion omit it.
    pub(super) fn write(&mut self, change: &Change, bytes: &mut Vec<u8>) {
        let deletion;
        let (columns, deleted) = match &change.columns {
            Some(columns) => (columns, false),
            None => {
                let parts = self.key_parts.iter();
                let part = |part: &Option<KeyPart>| part.map(|part| change.key_part(part));
                deletion = parts.map(|key| part(key).unwrap_or(Value::Null)).collect();
                (&deletion, true)
            }
        };
        if self.is_full() || (deleted && self.encoding != Encoding::V1) {
            return;
        }
        match self.encoding {
            Encoding::V1 => {
                bytes.extend_from_slice(br#"{"row":{"columns":"#);
                self.array(columns, bytes);
                if deleted {
                    bytes.extend_from_slice(br#","tombstone":true"#);
                }
                bytes.extend_from_slice(b"}},\n");
            }
            Encoding::Delimited => {
                self.array(columns, bytes);
                bytes.push(b'\n');
            }
            Encoding::Array => {
                bytes.push(b',');
                self.array(columns, bytes);
            }
        }
        self.left = self.left.map(|left| left - 1);
    }

    fn array(&self, values: &[Value], bytes: &mut Vec<u8>) {
        bytes.push(b'[');
        for (index, (value, column)) in values.iter().zip(&self.columns).enumerate() {
            if index > 0 {
                bytes.push(b',');
            }
            write_value(value, &column.ty, bytes);
        }
        bytes.push(b']');
    }
}
