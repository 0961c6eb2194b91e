//! `SHOW FUNCTIONS`.

use serde_json::{Value, json};

/// All functions.
pub(crate) fn list(sql: &str) -> Value {
    let mut all: Vec<_> = ksql_engine::functions::names()
        .map(|(name, kind)| (name, kind, category(name, kind)))
        .collect();
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

/// ksqlDB's category of a function.
fn category(name: &str, kind: &'static str) -> &'static str {
    match name {
        _ if kind == "AGGREGATE" => kind,
        "COALESCE" | "IFNULL" | "NULLIF" => "CONDITIONAL",
        "CONCAT" | "LCASE" | "LEN" | "SUBSTRING" | "TRIM" | "UCASE" => "STRING",
        "AS_VALUE" => "OTHER",
        _ => "MATHEMATICAL",
    }
}
