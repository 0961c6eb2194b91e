//! The JSON entities in responses of `POST /ksql`. They are pure functions of a
//! [`View`](crate::view::View).

pub(crate) mod describe;
pub(crate) mod lists;
pub(crate) mod queries;
pub(crate) mod schema;

use serde_json::{Value, json};

/// The entity of a statement without warnings: its type, and one field of its own.
pub(crate) fn entity(kind: &str, sql: &str, field: &str, content: impl Into<Value>) -> Value {
    json!({"@type": kind, "statementText": sql, field: content.into(), "warnings": []})
}
