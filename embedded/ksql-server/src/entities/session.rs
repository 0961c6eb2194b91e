//! `SHOW PROPERTIES` and `SHOW VARIABLES`.

use serde_json::{Value, json};

use crate::properties::Properties;

/// The server's properties with the overrides of the request.
pub(crate) fn properties(given: &Properties, bootstrap_servers: &str, sql: &str) -> Value {
    let mut defaults = vec![
        ("auto.offset.reset", "latest"),
        ("ksql.service.id", "default_"),
        ("ksql.suppress.enabled", "true"),
    ];
    let mut overwritten: Vec<&str> = Vec::new();
    for (name, value) in given.given() {
        overwritten.push(name);
        match defaults.iter_mut().find(|(known, _)| *known == name) {
            Some((_, default)) => *default = value,
            None => defaults.push((name, value)),
        }
    }
    defaults.push(("bootstrap.servers", bootstrap_servers));
    defaults.sort_unstable();
    let items: Vec<Value> = defaults
        .iter()
        .map(|(name, value)| {
            let of_ksql = name.starts_with("ksql.");
            json!({
                "name": if of_ksql { (*name).to_owned() } else { format!("ksql.streams.{name}") },
                "scope": "KSQL",
                "value": value,
            })
        })
        .collect();
    json!({
        "@type": "properties",
        "statementText": sql,
        "properties": items,
        "overwrittenProperties": overwritten,
        "defaultProperties": [],
        "warnings": [],
    })
}

/// Empty: the client substitutes variables itself.
pub(crate) fn variables(sql: &str) -> Value {
    json!({
        "@type": "variables",
        "statementText": sql,
        "variables": [],
        "warnings": [],
    })
}
