//! Streams, tables and topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::formats::Format;
use crate::schema::Schema;
use ksql_parser::ast::SourceKind;

/// A stream or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Stream or table.
    pub kind: SourceKind,
    /// Its topic.
    pub topic: String,
    /// The format of its keys.
    pub key_format: Format,
    /// The format of its values.
    pub value_format: Format,
    /// Its columns.
    pub schema: Schema,
    /// The window in its keys, if there is one.
    pub window: Option<KeyWindow>,
    /// The statement that created it.
    pub sql: String,
}

/// Whether a topic belongs to Kafka, Connect or ksqlDB: no statement may write it.
pub fn is_internal(topic: &str) -> bool {
    let names = [
        "_schemas",
        "connect-configs",
        "connect-offsets",
        "connect-status",
        "connect-statuses",
    ];
    names.contains(&topic) || topic.starts_with("_confluent") || topic.starts_with("__")
}

/// The window in a record's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyWindow {
    /// Whether windows overlap.
    pub hopping: bool,
    /// Size in milliseconds; the key contains only the start.
    pub size_ms: i64,
}

/// Streams, tables and topics.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    sources: BTreeMap<String, Arc<Source>>,
    topics: BTreeMap<String, u32>,
    /// The number of partitions of a topic that is not registered.
    assumed: Option<u32>,
}

impl Catalog {
    /// Empty: a topic must be created with `PARTITIONS` or [registered](Self::add_topic).
    pub fn new() -> Self {
        Self::default()
    }

    /// Treats every topic as existing, with this many partitions unless it is registered. For checking
    /// a script without a broker.
    pub fn assuming(partitions: u32) -> Self {
        Self {
            assumed: Some(partitions),
            ..Self::default()
        }
    }

    /// Registers a topic.
    pub fn add_topic(&mut self, name: impl Into<String>, partitions: u32) {
        self.topics.insert(name.into(), partitions);
    }

    /// Removes a topic.
    pub fn remove_topic(&mut self, name: &str) {
        self.topics.remove(name);
    }

    /// The number of partitions of a topic, if it exists.
    pub fn partitions(&self, topic: &str) -> Option<u32> {
        self.topics.get(topic).copied().or(self.assumed)
    }

    /// The number of partitions of a topic, if it was registered.
    pub fn registered_partitions(&self, topic: &str) -> Option<u32> {
        self.topics.get(topic).copied()
    }

    /// All registered topics with their numbers of partitions, by name.
    pub fn topics(&self) -> impl Iterator<Item = (&str, u32)> {
        self.topics
            .iter()
            .map(|(name, partitions)| (name.as_str(), *partitions))
    }

    /// The stream or table with this name.
    pub fn source(&self, name: &str) -> Option<&Arc<Source>> {
        self.sources.get(name)
    }

    /// All streams and tables, by name.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.values()
    }

    /// Adds or replaces a stream or table.
    pub fn add_source(&mut self, source: Arc<Source>) {
        self.sources.insert(source.name.clone(), source);
    }

    /// Removes a stream or table.
    pub fn remove_source(&mut self, name: &str) -> Option<Arc<Source>> {
        self.sources.remove(name)
    }
}
