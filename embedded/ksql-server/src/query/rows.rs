//! Rows as bytes, in each form that a client may ask for.

use axum::body::Bytes;
use serde_json::{Value as Json, json};

use crate::entities::schema;
use ksql_engine::execute::Change;
use ksql_engine::formats::write_value;
use ksql_engine::plan::QueryPlan;
use ksql_engine::plan::node::Node;
use ksql_engine::schema::Column;
use ksql_engine::value::Value;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// `application/vnd.ksql.v1+json`: one array of objects.
    V1,
    /// `application/vnd.ksqlapi.delimited.v1`: one JSON value per line.
    Delimited,
    /// `application/json`: one array of arrays.
    Array,
}

/// Why there are no more rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The query's limit.
    Limit,
    /// All rows were sent that were there when it began.
    Completed,
    /// It was closed.
    Closed,
}

impl Encoding {
    /// The answer's content type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Encoding::V1 => "application/vnd.ksql.v1+json",
            Encoding::Delimited => "application/vnd.ksqlapi.delimited.v1",
            Encoding::Array => "application/json",
        }
    }

    /// What comes before the rows.
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

    /// What comes after the rows.
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

    /// Ends rows after which nothing is said.
    pub(super) fn end_rows(self, bytes: &mut Vec<u8>) {
        if self == Encoding::V1 && bytes.ends_with(b",\n") {
            bytes.truncate(bytes.len() - 2);
        }
        if self != Encoding::Delimited {
            bytes.push(b']');
        }
    }

    /// A failure in the place of further rows.
    pub(super) fn failure(self, error: &Json) -> Bytes {
        let text = match self {
            Encoding::V1 => format!("{}]", json!({"errorMessage": error})),
            Encoding::Delimited => format!("{error}\n"),
            Encoding::Array => format!(",{error}]"),
        };
        text.into()
    }
}

/// Writes one query's rows.
#[derive(Debug)]
pub(super) struct RowWriter {
    encoding: Encoding,
    columns: Vec<Column>,
    /// What a deletion still says of each column.
    remains: Vec<Remains>,
}

/// What a deletion says of a column.
#[derive(Clone, Copy, Debug)]
enum Remains {
    Key(usize),
    WindowStart,
    WindowEnd(i64),
    Nothing,
}

impl RowWriter {
    pub(super) fn new(encoding: Encoding, plan: &QueryPlan) -> Self {
        let columns = plan.result_columns();
        let remains = plan
            .columns
            .iter()
            .map(|column| remains(plan, &column.node));
        Self {
            encoding,
            remains: remains.collect(),
            columns,
        }
    }

    /// What comes before the rows that are looked up in a table: it says which columns are keys.
    pub(super) fn table_header(&self, query_id: &str) -> Bytes {
        let columns = self.columns.iter().zip(&self.remains);
        let columns = columns.map(|(column, remains)| match remains {
            Remains::Nothing => schema::column(column),
            _ => format!("{} KEY", schema::column(column)),
        });
        let schema = columns.collect::<Vec<_>>().join(", ");
        self.encoding.header_with(query_id, &self.columns, &schema)
    }

    /// Adds a row to `bytes`; false where this form has no word for it (a deletion in plain rows).
    pub(super) fn write(&self, change: &Change, bytes: &mut Vec<u8>) -> bool {
        let deletion;
        let (columns, deleted) = match &change.columns {
            Some(columns) => (columns, false),
            None => {
                deletion = self.remains.iter().map(|r| r.of(change)).collect();
                (&deletion, true)
            }
        };
        match self.encoding {
            Encoding::V1 => {
                bytes.extend_from_slice(br#"{"row":{"columns":"#);
                self.array(columns, bytes);
                if deleted {
                    bytes.extend_from_slice(br#","tombstone":true"#);
                }
                bytes.extend_from_slice(b"}},\n");
            }
            Encoding::Delimited | Encoding::Array if deleted => return false,
            Encoding::Delimited => {
                self.array(columns, bytes);
                bytes.push(b'\n');
            }
            Encoding::Array => {
                bytes.push(b',');
                self.array(columns, bytes);
            }
        }
        true
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

/// Which column of the key an output column is, by its place in the row that it is read from.
fn remains(plan: &QueryPlan, node: &Node) -> Remains {
    let Node::Slot(slot) = node else {
        return Remains::Nothing;
    };
    let (keys, bounds, size_ms) = match &plan.stage {
        ksql_engine::plan::Stage::Aggregate(aggregate) => {
            let keys = aggregate.group_columns.len();
            (keys, keys, aggregate.window.map(|window| window.size_ms))
        }
        _ => match plan.inputs.as_slice() {
            [source] => {
                let keys = source.schema.key.len();
                // The pseudo columns are before the bounds.
                let bounds = keys + source.schema.value.len() + 3;
                (keys, bounds, source.window.map(|window| window.size_ms))
            }
            _ => (0, 0, None),
        },
    };
    match size_ms {
        _ if *slot < keys => Remains::Key(*slot),
        Some(_) if *slot == bounds => Remains::WindowStart,
        Some(size_ms) if *slot == bounds + 1 => Remains::WindowEnd(size_ms),
        _ => Remains::Nothing,
    }
}

impl Remains {
    fn of(self, change: &Change) -> Value {
        let start = || change.window_start;
        match self {
            Remains::Key(index) => {
                let key = change.key.as_ref().and_then(|key| key.get(index));
                key.cloned().unwrap_or(Value::Null)
            }
            Remains::WindowStart => start().map_or(Value::Null, Value::BigInt),
            Remains::WindowEnd(size_ms) => start().map_or(Value::Null, |start| {
                Value::BigInt(start.saturating_add(size_ms))
            }),
            Remains::Nothing => Value::Null,
        }
    }
}
