//! A snapshot of what exists, for `SHOW`, `LIST`, `DESCRIBE` and `EXPLAIN`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::sql::{TopicSettings, create};
use crate::topics::Topic;
use ksql_engine::catalog::Source;
use ksql_engine::registry::{RegisteredQuery, Registry};
use ksql_parser::ast::StatementKind;
use ksql_parser::parse_script;

/// A snapshot of the registry and the broker's topics.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Streams, tables and queries.
    pub(crate) registry: Registry,
    /// The broker's topics, by name.
    pub(crate) topics: Vec<Topic>,
    /// The retention of sink topics; empty unless a text of a query is needed.
    pub(crate) retentions: HashMap<String, i64>,
    /// Why queries failed, by their ids.
    pub(crate) failed_queries: HashMap<String, String>,
}

impl View {
    /// A topic, if the broker has it.
    pub(crate) fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.name == name)
    }

    /// The statement of a stream or table, in ksqlDB's own form.
    pub(crate) fn text_of_source(&self, source: &Source) -> String {
        self.text(&source.sql, &source.topic)
    }

    /// The statement of a query, in ksqlDB's own form.
    pub(crate) fn text_of_query(&self, query: &RegisteredQuery) -> String {
        self.text(&query.sql, &query.sink.topic)
    }

    fn text(&self, sql: &str, topic: &str) -> String {
        let statement = parse_script(sql)
            .ok()
            .and_then(|mut statements| statements.pop());
        let written = statement.and_then(|statement| {
            let settings = match &statement.kind {
                StatementKind::CreateAs { .. } => self.settings(topic),
                _ => None,
            };
            create(&statement.kind, settings.as_ref(), self.registry.catalog())
        });
        written.unwrap_or_else(|| sql.to_owned())
    }

    fn settings(&self, name: &str) -> Option<TopicSettings> {
        let topic = self.topic(name)?;
        Some(TopicSettings {
            partitions: topic.partitions(),
            replicas: topic.replicas.first().copied().unwrap_or(1),
            retention_ms: self.retentions.get(name).copied()?,
        })
    }

    /// The state of a query.
    pub(crate) fn state(&self, query: &RegisteredQuery) -> &'static str {
        if self.failed_queries.contains_key(&query.id) {
            "ERROR"
        } else {
            "RUNNING"
        }
    }

    /// The queries that read a stream or table.
    pub(crate) fn readers(&self, name: &str) -> impl Iterator<Item = &Arc<RegisteredQuery>> {
        let reads = move |query: &&Arc<RegisteredQuery>| {
            query.plan.sources().any(|source| source.name == name)
        };
        self.registry.queries().iter().filter(reads)
    }

    /// The queries that write a stream or table.
    pub(crate) fn writers(&self, name: &str) -> impl Iterator<Item = &Arc<RegisteredQuery>> {
        let queries = self.registry.queries().iter();
        queries.filter(move |query| query.sink.name == name)
    }

    /// The streams and tables whose queries read this one, by name.
    pub(crate) fn dependents(&self, name: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .readers(name)
            .map(|query| query.sink.name.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}
