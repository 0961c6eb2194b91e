//! What a pipeline counts and measures.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::receipt::Counts;
use crate::statistics::ClientMetrics;

/// The metrics of one pipeline. Clones share the values.
#[derive(Clone, Debug)]
pub struct PipelineMetrics {
    records: Family<OutcomeLabel, Counter>,
    pub(crate) rebalances: Family<RebalanceLabel, Counter>,
    pub(crate) partitions: Gauge,
    pub(crate) paused: Gauge,
    pub(crate) lag: Family<PartitionLabel, Gauge>,
    pub(crate) clients: ClientMetrics,
    in_flight: Gauge,
    batch_records: Histogram,
    latency: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the variants' names are the labels")]
enum Outcome {
    emitted,
    dead_lettered,
    skipped,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RebalanceLabel {
    pub(crate) kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct PartitionLabel {
    pub(crate) topic: String,
    pub(crate) partition: i32,
}

impl PipelineMetrics {
    /// Metrics in `registry`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            records: Family::default(),
            rebalances: Family::default(),
            partitions: Gauge::default(),
            paused: Gauge::default(),
            lag: Family::default(),
            clients: ClientMetrics::register(registry),
            in_flight: Gauge::default(),
            batch_records: Histogram::new(exponential_buckets(1.0, 2.0, 13)),
            latency: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
        };
        for outcome in [Outcome::emitted, Outcome::dead_lettered, Outcome::skipped] {
            // So that a rate can be computed from the first record on.
            drop(metrics.records.get_or_create(&OutcomeLabel { outcome }));
        }
        registry.register(
            "pipeline_records",
            "Records by outcome, counted when the broker has acknowledged it",
            metrics.records.clone(),
        );
        registry.register(
            "pipeline_rebalances",
            "Rebalances of the consumer group by what happened to this member's partitions",
            metrics.rebalances.clone(),
        );
        registry.register(
            "pipeline_partitions",
            "Partitions that this member works on",
            metrics.partitions.clone(),
        );
        registry.register(
            "pipeline_paused",
            "1 while consumption pauses, else 0",
            metrics.paused.clone(),
        );
        registry.register(
            "pipeline_consumer_lag",
            "Records in the partition that are not committed yet",
            metrics.lag.clone(),
        );
        registry.register(
            "pipeline_batches_in_flight",
            "Batches with the processing step",
            metrics.in_flight.clone(),
        );
        registry.register(
            "pipeline_batch_records",
            "Records in a batch",
            metrics.batch_records.clone(),
        );
        registry.register_with_unit(
            "pipeline_latency",
            "From the receipt of a batch's first record to the broker's acknowledgement of its last result",
            Unit::Seconds,
            metrics.latency.clone(),
        );
        metrics
    }

    /// A batch is with the step until the guard is dropped.
    pub(crate) fn batch_started(&self, records: usize) -> impl Drop + use<> {
        #[allow(clippy::cast_precision_loss, reason = "a batch is no 2^53 records")]
        self.batch_records.observe(records as f64);
        InFlight::new(&self.in_flight)
    }

    /// A batch is acknowledged.
    pub(crate) fn batch_finished(&self, counts: Counts, latency: Duration) {
        for (outcome, count) in [
            (Outcome::emitted, counts.emitted),
            (Outcome::dead_lettered, counts.dead_lettered),
            (Outcome::skipped, counts.skipped),
        ] {
            self.records
                .get_or_create(&OutcomeLabel { outcome })
                .inc_by(count);
        }
        self.latency.observe(latency.as_secs_f64());
    }

    /// How many records had this outcome so far: emitted, dead-lettered, skipped.
    pub fn counts(&self) -> (u64, u64, u64) {
        let count = |outcome| self.records.get_or_create(&OutcomeLabel { outcome }).get();
        (
            count(Outcome::emitted),
            count(Outcome::dead_lettered),
            count(Outcome::skipped),
        )
    }
}

struct InFlight(Gauge);

impl InFlight {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
