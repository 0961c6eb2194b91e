//! Counters and readiness of the connectors.

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

/// The outcome of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Written or posted.
    Delivered,
    /// Dropped by a transform: a tombstone.
    Filtered,
    /// Could not be delivered; written to the dead-letter topic.
    DeadLettered,
    /// Could not be delivered and lost: the file tolerates errors without a dead-letter topic.
    Dropped,
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        let name = match self {
            Self::Delivered => "delivered",
            Self::Filtered => "filtered",
            Self::DeadLettered => "dead_lettered",
            Self::Dropped => "dropped",
        };
        EncodeLabelValue::encode(&name, encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    connector: String,
    outcome: Outcome,
}

/// Counters and readiness of all connectors. Clones share them.
#[derive(Clone, Debug)]
pub struct Stats {
    records: Family<Labels, Counter>,
    /// The number of connectors without assigned partitions.
    waiting: Arc<watch::Sender<usize>>,
}

impl Stats {
    pub(crate) fn new(connectors: usize) -> Self {
        Self {
            records: Family::default(),
            waiting: Arc::new(watch::Sender::new(connectors)),
        }
    }

    /// Adds the counter `connector_records_total{connector, outcome}` to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "connector_records",
            "Records that a connector has processed, by outcome",
            self.records.clone(),
        );
    }

    /// The number of records of one connector, by its name, with this outcome.
    pub fn count(&self, connector: &str, outcome: Outcome) -> u64 {
        self.records
            .get(&Labels {
                connector: connector.to_owned(),
                outcome,
            })
            .map_or(0, |counter| counter.get())
    }

    /// Waits until every connector has been assigned all partitions of its topics.
    pub async fn ready(&self) {
        // The sender lives as long as this handle: the wait cannot fail.
        let _ = self
            .waiting
            .subscribe()
            .wait_for(|waiting| *waiting == 0)
            .await;
    }

    pub(crate) fn mark_ready(&self) {
        self.waiting
            .send_modify(|waiting| *waiting = waiting.saturating_sub(1));
    }

    pub(crate) fn add(&self, connector: &str, outcome: Outcome) {
        self.records
            .get_or_create(&Labels {
                connector: connector.to_owned(),
                outcome,
            })
            .inc();
    }
}
