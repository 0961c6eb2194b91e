//! `SHOW STREAMS` and `SHOW TABLES`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::entities::describe;
use crate::view::View;
use ksql_engine::catalog::Source;
use ksql_parser::ast::SourceKind;

/// ksqlDB's name of the kind.
pub(crate) fn kind_name(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Stream => "STREAM",
        SourceKind::Table => "TABLE",
    }
}

/// The list of streams or of tables, with or without their descriptions.
pub(crate) fn list(view: &View, kind: SourceKind, extended: bool, sql: &str) -> Value {
    let sources = view
        .registry
        .catalog()
        .sources()
        .filter(|source| source.kind == kind);
    if extended {
        let descriptions: Vec<Value> = sources
            .map(|source| describe::description(view, source, true))
            .collect();
        return json!({
            "@type": "source_descriptions",
            "statementText": sql,
            "sourceDescriptions": descriptions,
            "warnings": [],
        });
    }
    let items: Vec<Value> = sources.map(item).collect();
    match kind {
        SourceKind::Stream => json!({
            "@type": "streams",
            "statementText": sql,
            "streams": items,
            "warnings": [],
        }),
        SourceKind::Table => json!({
            "@type": "tables",
            "statementText": sql,
            "tables": items,
            "warnings": [],
        }),
    }
}

fn item(source: &Arc<Source>) -> Value {
    json!({
        "type": kind_name(source.kind),
        "name": source.name,
        "topic": source.topic,
        "keyFormat": source.key_format.name(),
        "valueFormat": source.value_format.name(),
        "isWindowed": source.window.is_some(),
    })
}
