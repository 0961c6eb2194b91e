//! How far the simulation is: read by a program that embeds it, and shown as metrics.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counts of what Kafka has acknowledged. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub(crate) measured: Counter,
    pub(crate) weighed: Counter,
    pub(crate) in_flight: Gauge,
}

impl Progress {
    /// How many measurements are on the topic, by this run.
    pub fn measured(&self) -> u64 {
        self.measured.get()
    }

    /// How many weighings are on the topic, by this run; those that an earlier run owed included.
    pub fn weighed(&self) -> u64 {
        self.weighed.get()
    }

    /// Shows the counts as metrics of `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "fish_measured",
            "Measurements acknowledged by Kafka",
            self.measured.clone(),
        );
        registry.register(
            "fish_weighed",
            "Weighings acknowledged by Kafka",
            self.weighed.clone(),
        );
        registry.register(
            "fish_producer_records_in_flight",
            "Records sent and not acknowledged by Kafka yet",
            self.in_flight.clone(),
        );
    }
}
