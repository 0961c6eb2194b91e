//! The progress of the simulation, for programs that embed it and as metrics.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Numbers of acknowledged records. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub(crate) measured: Counter,
    pub(crate) weighed: Counter,
    pub(crate) in_flight: Gauge,
}

impl Progress {
    /// The measurements of this run on the topic.
    pub fn measured(&self) -> u64 {
        self.measured.get()
    }

    /// The weighings of this run on the topic, including overdue ones of earlier runs.
    pub fn weighed(&self) -> u64 {
        self.weighed.get()
    }

    /// Registers the counts as metrics.
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
            "Records sent but not acknowledged by Kafka",
            self.in_flight.clone(),
        );
    }
}
