//! The metrics of a pipeline.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::receipt::Counts;
use crate::client::ClientMetrics;

/// The metrics of one pipeline. Clones share the values.
#[derive(Clone, Debug)]
pub struct PipelineMetrics {
    records: Family<OutcomeLabel, Counter>,
    pub(super) rebalances: Family<RebalanceLabel, Counter>,
    pub(super) partitions: Gauge,
    pub(super) paused: Gauge,
    pub(super) lag: Family<PartitionLabel, Gauge>,
    pub(super) clients: ClientMetrics,
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
pub(super) struct RebalanceLabel {
    pub(super) kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PartitionLabel {
    pub(super) topic: String,
    pub(super) partition: i32,
}

impl PipelineMetrics {
    /// Registers the metrics.
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
            // So that a rate includes the first record.
            drop(metrics.records.get_or_create(&OutcomeLabel { outcome }));
        }
        registry.register(
            "pipeline_records",
            "Records by outcome, counted when the broker has acknowledged the outcome",
            metrics.records.clone(),
        );
        registry.register(
            "pipeline_rebalances",
            "Rebalances of the consumer group, by the change of this member's partitions",
            metrics.rebalances.clone(),
        );
        registry.register(
            "pipeline_partitions",
            "Partitions assigned to this member",
            metrics.partitions.clone(),
        );
        registry.register(
            "pipeline_paused",
            "1 while consumption is paused, otherwise 0",
            metrics.paused.clone(),
        );
        registry.register(
            "pipeline_consumer_lag",
            "Records of the partition that are not committed",
            metrics.lag.clone(),
        );
        registry.register(
            "pipeline_batches_in_flight",
            "Batches in the processing step",
            metrics.in_flight.clone(),
        );
        registry.register(
            "pipeline_batch_records",
            "Records in a batch",
            metrics.batch_records.clone(),
        );
        registry.register_with_unit(
            "pipeline_latency",
            "From receiving a batch's first record to the acknowledgement of its last result",
            Unit::Seconds,
            metrics.latency.clone(),
        );
        metrics
    }

    /// Counts a batch as in progress until the guard is dropped.
    pub(super) fn batch_started(&self, records: usize) -> impl Drop + use<> {
        #[allow(
            clippy::cast_precision_loss,
            reason = "a batch has less than 2^53 records"
        )]
        self.batch_records.observe(records as f64);
        InFlight::new(&self.in_flight)
    }

    /// Counts an acknowledged batch.
    pub(super) fn batch_finished(&self, counts: Counts, latency: Duration) {
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

    /// Numbers of records by outcome: emitted, dead-lettered, skipped.
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
