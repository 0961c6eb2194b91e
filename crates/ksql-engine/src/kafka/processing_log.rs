//! Records that a query cannot use: a log line, a counter, and an entry in a topic, in the shape of
//! ksqlDB's processing log. The query goes on.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::execute::{Header, OutputRecord, Problem};

/// Says it once and makes the entry.
pub(crate) fn entry(topic: &Arc<str>, query: &str, problem: &Problem) -> OutputRecord {
    tracing::warn!(
        query,
        topic = %problem.topic,
        partition = problem.partition,
        offset = problem.offset,
        reason = problem.reason,
        "a record was skipped; it is in the processing log"
    );
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
    let place = format!("{}/{}@{}", problem.topic, problem.partition, problem.offset);
    let message = json!({
        "level": "ERROR",
        "logger": format!("processing.{query}.KsqlTopic.Source.deserializer"),
        "time": now,
        "message": {
            "type": 0,
            "deserializationError": {
                "target": "value",
                "errorMessage": format!("{place}: {}", problem.reason),
                "recordB64": null,
                "cause": [],
                "topic": &*problem.topic,
            },
            "recordProcessingError": null,
            "productionError": null,
            "serializationError": null,
            "kafkaStreamsThreadError": null,
        },
    });
    let header = |key: &str, value: String| Header {
        key: key.to_owned(),
        value: Some(value.into_bytes()),
    };
    OutputRecord {
        topic: Arc::clone(topic),
        key: None,
        window_bytes: 0,
        value: Some(message.to_string().into_bytes()),
        timestamp: now,
        headers: Arc::new([
            header("source.topic", problem.topic.to_string()),
            header("source.partition", problem.partition.to_string()),
            header("source.offset", problem.offset.to_string()),
        ]),
    }
}
