//! What `SHOW` and `LIST` answer: which of an entity's fields stand in which column.
//!
//! To show another kind of list, add it to [`LISTS`].

use serde_json::Value;

use super::cell;
use super::columns::table;

/// A kind of entity that is a list.
struct List {
    /// Its `@type`.
    kind: &'static str,
    /// The field that has the list.
    field: &'static str,
    columns: &'static [Column],
}

/// A heading, and the cell of one element.
type Column = (&'static str, fn(&Value) -> String);

/// A column that shows a field as it is.
macro_rules! field {
    ($heading:literal, $name:literal) => {
        ($heading, |item: &Value| cell::of(&item[$name]))
    };
}

const LISTS: &[List] = &[
    List {
        kind: "streams",
        field: "streams",
        columns: &[
            field!("Stream Name", "name"),
            field!("Kafka Topic", "topic"),
            field!("Key Format", "keyFormat"),
            field!("Value Format", "valueFormat"),
            field!("Windowed", "isWindowed"),
        ],
    },
    List {
        kind: "tables",
        field: "tables",
        columns: &[
            field!("Table Name", "name"),
            field!("Kafka Topic", "topic"),
            field!("Key Format", "keyFormat"),
            field!("Value Format", "valueFormat"),
            field!("Windowed", "isWindowed"),
        ],
    },
    List {
        kind: "queries",
        field: "queries",
        columns: QUERIES,
    },
    List {
        kind: "kafka_topics",
        field: "topics",
        columns: &[
            field!("Kafka Topic", "name"),
            ("Partitions", partitions),
            field!("Replicas by Partition", "replicaInfo"),
        ],
    },
    List {
        kind: "kafka_topics_extended",
        field: "topics",
        columns: &[
            field!("Kafka Topic", "name"),
            ("Partitions", partitions),
            field!("Replicas by Partition", "replicaInfo"),
            field!("Consumers", "consumerCount"),
            field!("Consumer Groups", "consumerGroupCount"),
        ],
    },
    List {
        kind: "properties",
        field: "properties",
        columns: &[
            field!("Property", "name"),
            field!("Scope", "scope"),
            field!("Value", "value"),
        ],
    },
    List {
        kind: "function_names",
        field: "functions",
        columns: &[
            field!("Function Name", "name"),
            field!("Type", "type"),
            field!("Category", "category"),
        ],
    },
    List {
        kind: "variables",
        field: "variables",
        columns: &[field!("Variable Name", "name"), field!("Value", "value")],
    },
];

/// The columns of a list of queries, in `SHOW QUERIES` and in descriptions.
pub(super) const QUERIES: &[Column] = &[
    field!("Query ID", "id"),
    field!("Query Type", "queryType"),
    field!("Status", "statusCount"),
    field!("Sink Name", "sinks"),
    field!("Sink Kafka Topic", "sinkKafkaTopics"),
    field!("Query String", "queryString"),
];

fn partitions(topic: &Value) -> String {
    let replicas = topic["replicaInfo"].as_array();
    replicas.map_or_else(String::new, |replicas| replicas.len().to_string())
}

/// The entity as a table; none where it is no such list.
pub(super) fn list(kind: &str, entity: &Value) -> Option<String> {
    let list = LISTS.iter().find(|list| list.kind == kind)?;
    items(list.columns, entity.get(list.field)?)
}

/// A table of these columns; none where the value is no list of objects.
pub(super) fn items(columns: &[Column], list: &Value) -> Option<String> {
    let items = list.as_array()?;
    if !items.iter().all(Value::is_object) {
        return None;
    }
    let heading: Vec<_> = columns.iter().map(|(heading, _)| *heading).collect();
    let row = |item| columns.iter().map(|(_, cell)| cell(item)).collect();
    let rows: Vec<_> = items.iter().map(row).collect();
    Some(table(&heading, &rows))
}
