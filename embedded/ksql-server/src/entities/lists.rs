//! `SHOW …` and `LIST …`, except for queries.

use serde_json::{Value, json};

use crate::entities::{describe, entity};
use crate::properties::Properties;
use crate::view::View;
use ksql_engine::catalog::{Source, is_internal};
use ksql_parser::ast::SourceKind;

/// ksqlDB's name of the kind.
pub(crate) fn kind_name(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Stream => "STREAM",
        SourceKind::Table => "TABLE",
    }
}

/// `SHOW STREAMS` or `SHOW TABLES`.
pub(crate) fn sources(view: &View, kind: SourceKind, extended: bool, sql: &str) -> Value {
    let sources = view.registry.catalog().sources();
    let sources = sources.filter(|source| source.kind == kind);
    if extended {
        let descriptions = sources.map(|source| describe::description(view, source, true));
        let descriptions: Vec<Value> = descriptions.collect();
        return entity(
            "source_descriptions",
            sql,
            "sourceDescriptions",
            descriptions,
        );
    }
    let items: Vec<Value> = sources.map(|source| source_item(source)).collect();
    match kind {
        SourceKind::Stream => entity("streams", sql, "streams", items),
        SourceKind::Table => entity("tables", sql, "tables", items),
    }
}

fn source_item(source: &Source) -> Value {
    json!({
        "type": kind_name(source.kind),
        "name": source.name,
        "topic": source.topic,
        "keyFormat": source.key_format.name(),
        "valueFormat": source.value_format.name(),
        "isWindowed": source.window.is_some(),
    })
}

/// `SHOW [ALL] TOPICS [EXTENDED]`: internal topics only with `all`. A query counts as one consumer of
/// each topic that it reads.
pub(crate) fn topics(view: &View, all: bool, extended: bool, sql: &str) -> Value {
    let readers = |name: &str| {
        let queries = view.registry.queries().iter();
        let readers = queries.filter(|query| query.plan.source_topics().any(|read| read == name));
        readers.count()
    };
    let shown = view.topics.iter().filter(|topic| {
        // Kafka's own topics are never listed.
        !topic.name.starts_with("__") && (all || !is_internal(&topic.name))
    });
    let topics = shown.map(|topic| {
        let mut item = json!({"name": topic.name, "replicaInfo": topic.replicas});
        if extended {
            let readers = readers(&topic.name);
            item["consumerCount"] = readers.into();
            item["consumerGroupCount"] = readers.into();
        }
        item
    });
    let kind = if extended {
        "kafka_topics_extended"
    } else {
        "kafka_topics"
    };
    entity(kind, sql, "topics", topics.collect::<Vec<_>>())
}

/// `SHOW FUNCTIONS`.
pub(crate) fn functions(sql: &str) -> Value {
    let mut all: Vec<_> = ksql_engine::functions::names()
        .map(|(name, kind)| (name, kind, category(name, kind)))
        .collect();
    all.sort_unstable();
    let functions = all
        .into_iter()
        .map(|(name, kind, category)| json!({"name": name, "type": kind, "category": category}));
    entity(
        "function_names",
        sql,
        "functions",
        functions.collect::<Vec<_>>(),
    )
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

/// The server's properties, with the overrides of the request.
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
            let is_ksql = name.starts_with("ksql.");
            json!({
                "name": if is_ksql { (*name).to_owned() } else { format!("ksql.streams.{name}") },
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
