//! The results of `DESCRIBE` and `EXPLAIN`. The functions return `None` for a value of another shape.

use serde_json::Value;

use super::lists::{QUERIES, items};
use super::table::{cell, printable, table};

/// Describes a stream or table.
pub(super) fn source(source: &Value) -> Option<String> {
    let mut text = facts(&[
        ("Name", &source["name"]),
        ("Type", &source["type"]),
        ("Window", &source["windowType"]),
        ("Kafka topic", &source["topic"]),
        ("Partitions", &source["partitions"]),
        ("Replicas", &source["replication"]),
        ("Key format", &source["keyFormat"]),
        ("Value format", &source["valueFormat"]),
        ("Timestamp column", &source["timestamp"]),
    ]);
    text.push('\n');
    text.push_str(&fields(&source["fields"])?);
    if source["extended"] != Value::Bool(true) {
        text.push_str("\nFor its queries and statistics: DESCRIBE ");
        text.push_str(&cell(&source["name"]));
        text.push_str(" EXTENDED;\n");
        return Some(text);
    }
    section(&mut text, "Statement", &source["statement"]);
    for (title, queries) in [
        ("Queries that write it", &source["writeQueries"]),
        ("Queries that read it", &source["readQueries"]),
    ] {
        if let Some(queries) = items(QUERIES, queries).filter(|_| !is_empty(queries)) {
            text.push_str(&format!("\n{title}:\n{queries}"));
        }
    }
    section(&mut text, "Needed by", &source["sourceConstraints"]);
    section(&mut text, "Statistics", &source["statistics"]);
    section(&mut text, "Errors", &source["errorStats"]);
    section(
        &mut text,
        "Offsets of its queries",
        &source["queryOffsetSummaries"],
    );
    Some(text)
}

/// Describes a query.
pub(super) fn query(query: &Value) -> Option<String> {
    let mut text = facts(&[
        ("ID", &query["id"]),
        ("Type", &query["queryType"]),
        ("State", &query["state"]),
        ("Window", &query["windowType"]),
        ("Reads", &query["sources"]),
        ("Writes", &query["sinks"]),
        ("State by host", &query["ksqlHostQueryStatus"]),
        ("Consumer group", &query["consumerGroupId"]),
    ]);
    text.push('\n');
    text.push_str(&fields(&query["fields"])?);
    section(&mut text, "Statement", &query["statementText"]);
    section(&mut text, "Properties", &query["overriddenProperties"]);
    section(&mut text, "Execution plan", &query["executionPlan"]);
    section(&mut text, "Topology", &query["topology"]);
    section(&mut text, "Tasks", &query["tasksMetadata"]);
    section(&mut text, "Errors", &query["queryErrors"]);
    Some(text)
}

/// Describes a function.
pub(super) fn function(function: &Value) -> Option<String> {
    let mut text = facts(&[
        ("Name", &function["name"]),
        ("Type", &function["type"]),
        ("Author", &function["author"]),
        ("Version", &function["version"]),
        ("Overview", &function["description"]),
    ]);
    for variant in function["functions"].as_array()? {
        let arguments = variant["arguments"].as_array()?.iter().map(|argument| {
            let more = if argument["isVariadic"] == true {
                "…"
            } else {
                ""
            };
            let (name, sql_type) = (cell(&argument["name"]), cell(&argument["type"]));
            format!("{name} {sql_type}{more}")
        });
        let arguments = arguments.collect::<Vec<_>>().join(", ");
        let (name, returns) = (cell(&function["name"]), cell(&variant["returnType"]));
        text.push_str(&format!("\n{name}({arguments}) returns {returns}\n"));
        section(&mut text, "Description", &variant["description"]);
    }
    Some(text)
}

/// The facts that are present, one per line.
fn facts(facts: &[(&str, &Value)]) -> String {
    let facts = facts.iter().filter(|(_, value)| !is_empty(value));
    facts
        .map(|(name, value)| format!("{name:<16} : {}\n", cell(value)))
        .collect()
}

fn section(text: &mut String, title: &str, value: &Value) {
    if is_empty(value) {
        return;
    }
    let body = match value {
        Value::String(body) => body.trim_end().lines().map(indented).collect(),
        Value::Array(items) if items.iter().all(Value::is_string) => vec![cell(value)],
        other => format!("{other:#}").lines().map(printable).collect(),
    };
    text.push_str(&format!("\n{title}:\n{}\n", body.join("\n")));
}

/// Replaces tabs with spaces. An execution plan has two tabs for each level.
fn indented(line: &str) -> String {
    printable(&line.replace('\t', "  "))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn fields(fields: &Value) -> Option<String> {
    let row = |field: &Value| {
        let key = match field["type"].as_str() {
            Some(kind) => format!(" ({})", kind.to_lowercase()),
            None => String::new(),
        };
        let sql_type = sql_type(&field["schema"])?;
        Some(vec![cell(&field["name"]), format!("{sql_type}{key}")])
    };
    let rows: Option<Vec<_>> = fields.as_array()?.iter().map(row).collect();
    Some(table(&["Field", "Type"], &rows?))
}

/// `{"type", "fields", "memberSchema", "parameters"}` as SQL.
fn sql_type(schema: &Value) -> Option<String> {
    let name = schema["type"].as_str()?;
    Some(match name {
        "ARRAY" => format!("ARRAY<{}>", sql_type(&schema["memberSchema"])?),
        "MAP" => format!("MAP<STRING, {}>", sql_type(&schema["memberSchema"])?),
        "STRUCT" => {
            let field = |field: &Value| {
                let sql_type = sql_type(&field["schema"])?;
                Some(format!("`{}` {sql_type}", cell(&field["name"])))
            };
            let fields: Option<Vec<_>> = schema["fields"].as_array()?.iter().map(field).collect();
            format!("STRUCT<{}>", fields?.join(", "))
        }
        "DECIMAL" => {
            let parameters = &schema["parameters"];
            let (precision, scale) = (&parameters["precision"], &parameters["scale"]);
            format!("DECIMAL({precision}, {scale})")
        }
        simple => simple.to_owned(),
    })
}
