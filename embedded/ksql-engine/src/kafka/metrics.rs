//! Counters of the queries.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The label of a query's counters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct QueryLabel {
    /// The query's id.
    pub query: String,
}

impl QueryLabel {
    fn of(query: &str) -> Self {
        Self {
            query: query.to_owned(),
        }
    }
}

fn count(counters: &Family<QueryLabel, Counter>, query: &str) -> u64 {
    let counter = counters.get(&QueryLabel::of(query));
    counter.map_or(0, |counter| counter.get())
}

/// Counters of all queries; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    read: Family<QueryLabel, Counter>,
    written: Family<QueryLabel, Counter>,
    skipped: Family<QueryLabel, Counter>,
    failed: Family<QueryLabel, Counter>,
    running: Family<QueryLabel, Gauge>,
}

impl Metrics {
    /// Adds the counters to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "ksql_records_read",
            "Records that a query read",
            self.read.clone(),
        );
        registry.register(
            "ksql_records_written",
            "Records that a query wrote",
            self.written.clone(),
        );
        registry.register(
            "ksql_records_skipped",
            "Records that a query skipped; the processing log has the reasons",
            self.skipped.clone(),
        );
        registry.register(
            "ksql_expressions_failed",
            "Failed expressions, such as a division by zero; the processing log has the reasons",
            self.failed.clone(),
        );
        registry.register(
            "ksql_query_running",
            "1 while a query runs, 0 when it has failed",
            self.running.clone(),
        );
    }

    /// The number of records that a query read; 0 for an unknown query.
    pub fn read(&self, query: &str) -> u64 {
        count(&self.read, query)
    }

    /// The number of records that a query skipped; 0 for an unknown query.
    pub fn skipped(&self, query: &str) -> u64 {
        count(&self.skipped, query)
    }

    /// The number of failed expressions of a query; 0 for an unknown query.
    pub fn failed(&self, query: &str) -> u64 {
        count(&self.failed, query)
    }

    /// Whether a query runs; `None` for an unknown query.
    pub fn is_running(&self, query: &str) -> Option<bool> {
        let gauge = self.running.get(&QueryLabel::of(query))?;
        Some(gauge.get() == 1)
    }

    /// Sets whether a persistent query is running.
    pub(crate) fn set_running(&self, query: &str, running: bool) {
        let gauge = self.running.get_or_create(&QueryLabel::of(query));
        gauge.set(running.into());
    }

    /// Removes the counters of a query that was terminated.
    pub(crate) fn forget(&self, query: &str) {
        let label = QueryLabel::of(query);
        self.running.remove(&label);
        for counters in [&self.read, &self.written, &self.skipped, &self.failed] {
            counters.remove(&label);
        }
    }

    /// The counters of one query.
    pub(crate) fn of(&self, query: &str) -> QueryMetrics {
        let label = QueryLabel::of(query);
        QueryMetrics {
            read: self.read.get_or_create(&label).clone(),
            written: self.written.get_or_create(&label).clone(),
            skipped: self.skipped.get_or_create(&label).clone(),
            failed: self.failed.get_or_create(&label).clone(),
        }
    }
}

/// The counters of one query.
#[derive(Clone, Debug)]
pub(crate) struct QueryMetrics {
    pub(crate) read: Counter,
    pub(crate) written: Counter,
    pub(crate) skipped: Counter,
    pub(crate) failed: Counter,
}
