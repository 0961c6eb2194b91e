//! `SHOW [ALL] TOPICS [EXTENDED]`.

use serde_json::{Value, json};

use crate::topics::Topic;
use crate::view::View;

/// The broker's topics; internal ones only with `all`. A query counts as one consumer of each topic
/// that it reads.
pub(crate) fn list(view: &View, all: bool, extended: bool, sql: &str) -> Value {
    let shown = view.topics.iter().filter(|topic| {
        // Kafka's own topics are never listed.
        !topic.name.starts_with("__") && (all || !topic.is_internal())
    });
    let topics: Vec<Value> = shown
        .map(|topic| {
            let mut item = json!({"name": topic.name, "replicaInfo": topic.replicas});
            if extended {
                let readers = readers(view, topic);
                item["consumerCount"] = readers.into();
                item["consumerGroupCount"] = readers.into();
            }
            item
        })
        .collect();
    let kind = if extended {
        "kafka_topics_extended"
    } else {
        "kafka_topics"
    };
    json!({"@type": kind, "statementText": sql, "topics": topics, "warnings": []})
}

fn readers(view: &View, topic: &Topic) -> usize {
    let reads = |read: &str| read == topic.name;
    view.registry
        .queries()
        .iter()
        .filter(|query| query.plan.source_topics().any(reads))
        .count()
}
