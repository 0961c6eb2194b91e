//! `DESCRIBE name [EXTENDED]`.

use serde_json::{Value, json};

use crate::entities::queries::{group_id, running};
use crate::entities::schema::fields;
use crate::entities::{self, lists::kind_name};
use crate::view::View;
use ksql_engine::catalog::{KeyWindow, Source};

/// The entity of a stream or table.
pub(crate) fn entity(view: &View, source: &Source, extended: bool, sql: &str) -> Value {
    entities::entity(
        "sourceDescription",
        sql,
        "sourceDescription",
        description(view, source, extended),
    )
}

/// ksqlDB's name of the window in a key.
pub(crate) fn window_type(window: Option<KeyWindow>) -> Option<&'static str> {
    window.map(|window| {
        if window.hopping {
            "HOPPING"
        } else {
            "TUMBLING"
        }
    })
}

/// The description. Statistics are in the server's metrics, not here.
pub(crate) fn description(view: &View, source: &Source, extended: bool) -> Value {
    let readers: Vec<Value> = view
        .readers(&source.name)
        .map(|query| running(view, query))
        .collect();
    let writers: Vec<Value> = view
        .writers(&source.name)
        .map(|query| running(view, query))
        .collect();
    let offsets: Vec<Value> = view
        .writers(&source.name)
        .filter(|_| extended)
        .map(|query| json!({"groupId": group_id(&query.id), "topicSummaries": []}))
        .collect();
    let topic = view.topic(&source.topic);
    json!({
        "name": source.name,
        "windowType": window_type(source.window),
        "readQueries": readers,
        "writeQueries": writers,
        "fields": fields(&source.schema),
        "type": kind_name(source.kind),
        "timestamp": "",
        "statistics": "",
        "errorStats": "",
        "extended": extended,
        "keyFormat": source.key_format.name(),
        "valueFormat": source.value_format.name(),
        "topic": source.topic,
        "partitions": topic.map_or(0, |topic| topic.replicas.len()),
        "replication": topic.and_then(|topic| topic.replicas.first().copied()).unwrap_or(0),
        "statement": view.text_of_source(source),
        "queryOffsetSummaries": offsets,
        "sourceConstraints": view.dependents(&source.name),
        "clusterStatistics": [],
        "clusterErrorStats": [],
    })
}
