//! Compares two responses without hosts, ids, versions and times.

use serde_json::Value;

use crate::recording::Recording;

/// A response.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) body: String,
}

/// How exactly a response must match the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exactness {
    /// Compare everything but hosts, ids, versions and times.
    Same,
    /// The message of an error may differ.
    OwnMessage,
    /// Compare only the header and the end of a push query.
    Frame,
}

/// The differences.
pub(super) fn differences(wanted: &Recording, got: &Answer, exactness: Exactness) -> Vec<String> {
    let mut found = Vec::new();
    if wanted.status != got.status {
        found.push(format!(
            "status {}, expected {}: {}",
            got.status, wanted.status, got.body
        ));
    }
    let kind = |kind: &Option<String>| kind.clone().unwrap_or_default();
    if wanted.content_type.is_some() && kind(&wanted.content_type) != kind(&got.content_type) {
        found.push(format!(
            "content type {:?}, expected {:?}",
            got.content_type, wanted.content_type
        ));
    }
    let (theirs, ours) = (
        normal(&wanted.answer, exactness),
        normal(&got.body, exactness),
    );
    if theirs != ours {
        found.push(format!("theirs: {theirs:#?}\nours:   {ours:#?}"));
    }
    found
}

/// The lines of a body as comparable values. Rows remain text, to compare every digit.
fn normal(body: &str, exactness: Exactness) -> Vec<Value> {
    let is_row = |line: &str| line.starts_with("{\"row\"") || line.starts_with("[\"");
    let value = |line: &str| match serde_json::from_str::<Value>(line) {
        Ok(value) if !is_row(line) => Some(normalised(value, exactness)),
        _ => None,
    };
    body.lines()
        .filter(|line| !line.trim().is_empty())
        .filter(|line| exactness != Exactness::Frame || !is_row(line))
        .map(|line| {
            value(line)
                .or_else(|| value(row(line)))
                .unwrap_or_else(|| Value::String(row(line).to_owned()))
        })
        .collect()
}

/// A line of a streamed array.
fn row(line: &str) -> &str {
    let line = line.trim_end().trim_end_matches(',');
    let opened = line.strip_prefix('[').filter(|rest| rest.starts_with('{'));
    match (opened, line.strip_suffix(']')) {
        (Some(rest), _) => rest.strip_suffix(']').unwrap_or(rest),
        (None, Some(rest)) if line.starts_with('{') => rest,
        _ => line,
    }
}

/// Fields with hosts, ids, versions, times or counters.
const VOLATILE: [&str; 13] = [
    "kafkaClusterId",
    "kafka-cluster",
    "version",
    "commandSequenceNumber",
    "statistics",
    "errorStats",
    "clusterStatistics",
    "clusterErrorStats",
    "tasksMetadata",
    "topicSummaries",
    "ksqlHostQueryStatus",
    // Kafka Streams' view of a query, which does not exist here.
    "topology",
    "executionPlan",
];

fn normalised(value: Value, exactness: Exactness) -> Value {
    match value {
        Value::Object(fields) => {
            let is_error = fields.contains_key("error_code");
            let fields = fields
                .into_iter()
                // Not supported here: their commands are missing.
                .filter(|(name, _)| !name.starts_with("pause/") && !name.starts_with("resume/"))
                .map(|(name, value)| {
                    let value = match name.as_str() {
                        name if VOLATILE.contains(&name) => Value::Null,
                        "message" if is_error && exactness == Exactness::OwnMessage => Value::Null,
                        _ => normalised(value, exactness),
                    };
                    (name, value)
                })
                .collect();
            Value::Object(fields)
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items
                .into_iter()
                .filter(|item| !internal(item))
                .map(|item| normalised(item, exactness))
                .collect();
            // The order of named objects is not compared.
            if items.iter().all(|item| label(item).is_some()) {
                items.sort_by(|a, b| label(a).cmp(&label(b)));
            }
            Value::Array(items)
        }
        Value::String(text) => Value::String(without_ids(&text)),
        other => other,
    }
}

fn label(item: &Value) -> Option<&str> {
    let label = if item.get("schema").is_some() {
        // Columns are in order.
        None
    } else {
        item.get("id").or_else(|| item.get("name"))
    };
    label.and_then(Value::as_str)
}

/// Internal topics of ksqlDB and of this engine.
fn internal(item: &Value) -> bool {
    let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
    name.starts_with("_confluent") || name == "default_ksql_processing_log"
}

/// `CSAS_X_7` becomes `CSAS_X_n`, `transient_X_123` and `query_123` become `transient_n`.
fn without_ids(text: &str) -> String {
    if text.starts_with("transient_") || text.starts_with("query_") {
        return "transient_n".to_owned();
    }
    let mut out = String::new();
    let mut rest = text;
    loop {
        let found = ["CSAS_", "CTAS_"].iter().filter_map(|p| rest.find(p)).min();
        let Some(start) = found else {
            out.push_str(rest);
            return out;
        };
        let end = rest[start..]
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .map_or(rest.len(), |length| start + length);
        let id = rest[start..end].trim_end_matches(|c: char| c.is_ascii_digit());
        out.push_str(&rest[..start]);
        out.push_str(id);
        out.push('n');
        rest = &rest[end..];
    }
}

#[test]
fn only_ids_are_replaced() {
    assert_eq!(
        without_ids("a CSAS_DIFF_WEIGHT_3/x"),
        "a CSAS_DIFF_WEIGHT_n/x"
    );
    assert_eq!(without_ids("transient_X_12"), "transient_n");
    assert_eq!(without_ids("weight-diff 3"), "weight-diff 3");
}
