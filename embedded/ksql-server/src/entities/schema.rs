//! Columns and types.

use serde_json::{Value, json};

use crate::sql::quoted;
use ksql_engine::schema::{Column, Schema};
use ksql_engine::types::SqlType;

/// The columns of a stream or table, key columns first.
pub(crate) fn fields(schema: &Schema) -> Vec<Value> {
    let key = schema
        .key
        .iter()
        .map(|column| json!({"name": column.name, "schema": type_info(&column.ty), "type": "KEY"}));
    let value = schema
        .value
        .iter()
        .map(|column| json!({"name": column.name, "schema": type_info(&column.ty)}));
    key.chain(value).collect()
}

fn type_info(ty: &SqlType) -> Value {
    let (name, fields, member) = match ty {
        SqlType::Boolean => ("BOOLEAN", Value::Null, Value::Null),
        SqlType::Integer => ("INTEGER", Value::Null, Value::Null),
        SqlType::BigInt => ("BIGINT", Value::Null, Value::Null),
        SqlType::Decimal { .. } => ("DECIMAL", Value::Null, Value::Null),
        SqlType::Double => ("DOUBLE", Value::Null, Value::Null),
        SqlType::Varchar => ("STRING", Value::Null, Value::Null),
        SqlType::Array(element) => ("ARRAY", Value::Null, type_info(element)),
        SqlType::Map(value) => ("MAP", Value::Null, type_info(value)),
        SqlType::Struct(fields) => {
            let fields = fields
                .iter()
                .map(|field| json!({"name": field.name, "schema": type_info(&field.ty)}));
            ("STRUCT", fields.collect(), Value::Null)
        }
    };
    json!({"type": name, "fields": fields, "memberSchema": member})
}

/// The columns of a result as one line.
pub(crate) fn line(columns: &[Column]) -> String {
    columns.iter().map(column).collect::<Vec<_>>().join(", ")
}

/// A column's name and type.
pub(crate) fn column(column: &Column) -> String {
    format!("{} {}", quoted(&column.name), column.ty)
}
