//! `SHOW FUNCTIONS`.

use serde_json::{Value, json};

use ksql_engine::functions::aggregate::AGGREGATES;
use ksql_engine::functions::scalar::FUNCTIONS;

/// All functions that a statement may call.
pub(crate) fn list(sql: &str) -> Value {
    let scalar = FUNCTIONS
        .iter()
        .map(|function| (function.name, "SCALAR", category(function.name)));
    let aggregates = AGGREGATES
        .iter()
        .map(|function| (function.name, "AGGREGATE", "AGGREGATE"));
    let mut all: Vec<_> = scalar.chain(aggregates).collect();
    all.sort_unstable();
    let functions: Vec<Value> = all
        .into_iter()
        .map(|(name, kind, category)| json!({"name": name, "type": kind, "category": category}))
        .collect();
    json!({
        "@type": "function_names",
        "statementText": sql,
        "functions": functions,
        "warnings": [],
    })
}

/// ksqlDB's heading for a scalar function.
fn category(name: &str) -> &'static str {
    match name {
        "COALESCE" | "IFNULL" | "NULLIF" => "CONDITIONAL",
        "CONCAT" | "LCASE" | "LEN" | "SUBSTRING" | "TRIM" | "UCASE" => "STRING",
        "AS_VALUE" => "OTHER",
        _ => "MATHEMATICAL",
    }
}
