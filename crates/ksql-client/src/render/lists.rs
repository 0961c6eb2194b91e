//! The results of `SHOW` and `LIST`. To show another kind of list, add it to [`LISTS`].

use serde_json::Value;

use super::table::{cell, table};

/// A heading, and the field in this column. `#field` is the number of the field's elements.
type Column = (&'static str, &'static str);

/// The `@type` of an entity, the field that contains its list, and the columns.
const LISTS: &[(&str, &str, &[Column])] = &[
    (
        "streams",
        "streams",
        &[
            ("Stream Name", "name"),
            ("Kafka Topic", "topic"),
            ("Key Format", "keyFormat"),
            ("Value Format", "valueFormat"),
            ("Windowed", "isWindowed"),
        ],
    ),
    (
        "tables",
        "tables",
        &[
            ("Table Name", "name"),
            ("Kafka Topic", "topic"),
            ("Key Format", "keyFormat"),
            ("Value Format", "valueFormat"),
            ("Windowed", "isWindowed"),
        ],
    ),
    ("queries", "queries", QUERIES),
    (
        "kafka_topics",
        "topics",
        &[
            ("Kafka Topic", "name"),
            ("Partitions", "#replicaInfo"),
            ("Replicas by Partition", "replicaInfo"),
        ],
    ),
    (
        "kafka_topics_extended",
        "topics",
        &[
            ("Kafka Topic", "name"),
            ("Partitions", "#replicaInfo"),
            ("Replicas by Partition", "replicaInfo"),
            ("Consumers", "consumerCount"),
            ("Consumer Groups", "consumerGroupCount"),
        ],
    ),
    (
        "properties",
        "properties",
        &[("Property", "name"), ("Scope", "scope"), ("Value", "value")],
    ),
    (
        "function_names",
        "functions",
        &[
            ("Function Name", "name"),
            ("Type", "type"),
            ("Category", "category"),
        ],
    ),
    (
        "variables",
        "variables",
        &[("Variable Name", "name"), ("Value", "value")],
    ),
];

/// The columns of a list of queries, in `SHOW QUERIES` and in descriptions.
pub(super) const QUERIES: &[Column] = &[
    ("Query ID", "id"),
    ("Query Type", "queryType"),
    ("Status", "statusCount"),
    ("Sink Name", "sinks"),
    ("Sink Kafka Topic", "sinkKafkaTopics"),
    ("Query String", "queryString"),
];

/// The entity as a table; `None` if its kind is not in [`LISTS`].
pub(super) fn list(kind: &str, entity: &Value) -> Option<String> {
    let (_, field, columns) = LISTS.iter().find(|(known, ..)| *known == kind)?;
    items(columns, entity.get(field)?)
}

/// A table with these columns; `None` if the value is not a list of objects.
pub(super) fn items(columns: &[Column], list: &Value) -> Option<String> {
    let items = list.as_array()?;
    if !items.iter().all(Value::is_object) {
        return None;
    }
    let heading: Vec<_> = columns.iter().map(|(heading, _)| *heading).collect();
    let field = |item: &Value, field: &str| match field.strip_prefix('#') {
        Some(field) => item[field]
            .as_array()
            .map_or_else(String::new, |list| list.len().to_string()),
        None => cell(&item[field]),
    };
    let row = |item| columns.iter().map(|(_, name)| field(item, name)).collect();
    let rows: Vec<_> = items.iter().map(row).collect();
    Some(table(&heading, &rows))
}
