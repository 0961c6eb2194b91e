//! What the queries count.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
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
    }

    /// How many records a query took.
    pub fn read(&self, query: &str) -> u64 {
        self.of(query).read.get()
    }

    /// How many records of a query are in the processing log.
    pub fn skipped(&self, query: &str) -> u64 {
        self.of(query).skipped.get()
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
        }
    }
}

/// The counters of one query.
#[derive(Clone, Debug)]
pub(crate) struct QueryMetrics {
    pub(crate) read: Counter,
    pub(crate) written: Counter,
    pub(crate) skipped: Counter,
}
