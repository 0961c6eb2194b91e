//! What is known: streams, tables and topics.

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
    /// The topic that holds it.
    pub topic: String,
    /// How its keys are written.
    pub key_format: Format,
    /// How its values are written.
    pub value_format: Format,
    /// Its columns.
    pub schema: Schema,
    /// If its keys carry a window.
    pub window: Option<KeyWindow>,
    /// The statement that made it.
    pub sql: String,
}

/// The window in a record's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyWindow {
    /// Whether windows overlap.
    pub hopping: bool,
    /// Length in milliseconds: the key holds the start only.
    pub size_ms: i64,
}

/// Streams, tables and topics, as the statements so far left them.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    sources: BTreeMap<String, Arc<Source>>,
    topics: BTreeMap<String, u32>,
    /// Partitions of a topic that nobody named.
    assumed: Option<u32>,
}

impl Catalog {
    /// Knows nothing: a topic must be made with `PARTITIONS` or be [registered](Self::add_topic).
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes every topic as existing, with this many partitions unless it is registered. For
    /// reading a script without a broker.
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

    /// Forgets a topic.
    pub fn remove_topic(&mut self, name: &str) {
        self.topics.remove(name);
    }

    /// A topic's number of partitions, if it exists.
    pub fn partitions(&self, topic: &str) -> Option<u32> {
        self.topics.get(topic).copied().or(self.assumed)
    }

    /// A topic's number of partitions, if it was registered.
    pub fn registered_partitions(&self, topic: &str) -> Option<u32> {
        self.topics.get(topic).copied()
    }

    /// All registered topics with their numbers of partitions, by name.
    pub fn topics(&self) -> impl Iterator<Item = (&str, u32)> {
        self.topics
            .iter()
            .map(|(name, partitions)| (name.as_str(), *partitions))
    }

    /// The stream or table of that name.
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

    /// Forgets a stream or table.
    pub fn remove_source(&mut self, name: &str) -> Option<Arc<Source>> {
        self.sources.remove(name)
    }
}
