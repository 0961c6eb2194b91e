//! A script, checked without a broker.

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::registry::{Effect, Registry};
use ksql_parser::error::StatementError;

/// The default topic of the processing log, as in ksqlDB.
pub const PROCESSING_LOG: &str = "default_ksql_processing_log";

/// A script whose statements are supported, as far as can be checked without a broker.
#[derive(Clone, Debug)]
pub struct Script {
    text: String,
    read: BTreeSet<String>,
    written: BTreeSet<String>,
}

impl Script {
    /// Checks a script, assuming that all topics exist.
    ///
    /// # Errors
    /// The first refused statement, with line and column.
    pub fn parse(text: impl Into<String>) -> Result<Self, StatementError> {
        let text = text.into();
        let mut registry = Registry::new(Catalog::assuming(1));
        let (mut read, mut written) = (BTreeSet::new(), BTreeSet::new());
        for statement in registry.execute(&text)? {
            for effect in statement.effects {
                if let Effect::Start(query) = effect {
                    read.extend(query.plan.source_topics().map(str::to_owned));
                    written.insert(query.sink.topic.clone());
                }
            }
        }
        Ok(Self {
            text,
            read,
            written,
        })
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The topics that its queries read but do not write, by name: they must exist.
    pub fn source_topics(&self) -> impl Iterator<Item = &str> {
        self.read.difference(&self.written).map(String::as_str)
    }

    /// The topics that its queries write, by name.
    pub fn sink_topics(&self) -> impl Iterator<Item = &str> {
        self.written.iter().map(String::as_str)
    }

    /// All topics of its queries and the default processing log. They must exist beforehand on a broker
    /// that does not support `CreateTopics`.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.read
            .union(&self.written)
            .map(String::as_str)
            .chain([PROCESSING_LOG])
    }
}
