//! What the queries count.

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
            "Records that a query took",
            self.read.clone(),
        );
        registry.register(
            "ksql_records_written",
            "Records that a query wrote",
            self.written.clone(),
        );
        registry.register(
            "ksql_records_skipped",
            "Records that a query could not use: they are in the processing log",
            self.skipped.clone(),
        );
        registry.register(
            "ksql_expressions_failed",
            "Expressions without a value for a row, such as a division by zero: they are in the processing log",
            self.failed.clone(),
        );
        registry.register(
            "ksql_query_running",
            "1 while a query runs, 0 when it has failed or was terminated",
            self.running.clone(),
        );
    }

    /// How many records a query took.
    pub fn read(&self, query: &str) -> u64 {
        self.of(query).read.get()
    }

    /// How many records a query could not read.
    pub fn skipped(&self, query: &str) -> u64 {
        self.of(query).skipped.get()
    }

    /// How many expressions of a query failed.
    pub fn failed(&self, query: &str) -> u64 {
        self.of(query).failed.get()
    }

    /// Whether a query runs; `false` too for one that never did.
    pub fn is_running(&self, query: &str) -> bool {
        let label = QueryLabel {
            query: query.to_owned(),
        };
        let gauge = self.running.get(&label);
        gauge.is_some_and(|gauge| gauge.get() == 1)
    }

    /// A persistent query has begun or ended.
    pub(crate) fn set_running(&self, query: &str, running: bool) {
        let label = QueryLabel {
            query: query.to_owned(),
        };
        self.running.get_or_create(&label).set(running.into());
    }

    /// The counters of one query.
    pub(crate) fn of(&self, query: &str) -> QueryMetrics {
        let label = QueryLabel {
            query: query.to_owned(),
        };
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
