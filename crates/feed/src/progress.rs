//! How many records are on their topics.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// Numbers of acknowledged records. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub(crate) measured: Counter,
    pub(crate) actual: Counter,
    pub(crate) in_flight: Gauge,
}

impl Progress {
    /// The measured records of this run on their topic.
    pub fn measured(&self) -> u64 {
        self.measured.get()
    }

    /// The actual values of this run on their topic.
    pub fn actual(&self) -> u64 {
        self.actual.get()
    }

    /// The counts of measured records, of actual values, and of records in flight, as metrics.
    pub fn metrics(&self) -> (Counter, Counter, Gauge) {
        (
            self.measured.clone(),
            self.actual.clone(),
            self.in_flight.clone(),
        )
    }
}
