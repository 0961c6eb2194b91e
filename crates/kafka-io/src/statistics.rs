//! librdkafka's own statistics, as far as they tell a person something.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rdkafka::statistics::Statistics;

/// Gauges of the two clients of a pipeline. Clones share the values.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientMetrics {
    queued_records: Family<ClientLabel, Gauge>,
    queued_bytes: Family<ClientLabel, Gauge>,
    requests: Family<ClientLabel, Gauge>,
    sent_bytes: Family<ClientLabel, Gauge>,
    received_bytes: Family<ClientLabel, Gauge>,
    request_errors: Family<ClientLabel, Gauge>,
    brokers_up: Family<ClientLabel, Gauge>,
    round_trip: Family<ClientLabel, Gauge<f64, std::sync::atomic::AtomicU64>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClientLabel {
    client: &'static str,
}

impl ClientMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let mut gauge = |name: &str, help: &str, family: &Family<ClientLabel, Gauge>| {
            registry.register(format!("kafka_client_{name}"), help, family.clone());
        };
        gauge(
            "queued_records",
            "Records in the client's queues: fetched ahead, or not acknowledged yet",
            &metrics.queued_records,
        );
        gauge("queued_bytes", "Their bytes", &metrics.queued_bytes);
        gauge("requests", "Requests to brokers so far", &metrics.requests);
        gauge("sent_bytes", "Bytes to brokers so far", &metrics.sent_bytes);
        gauge(
            "received_bytes",
            "Bytes from brokers so far",
            &metrics.received_bytes,
        );
        gauge(
            "request_errors",
            "Requests to brokers so far that failed or timed out",
            &metrics.request_errors,
        );
        gauge(
            "brokers_up",
            "Brokers with a connection",
            &metrics.brokers_up,
        );
        registry.register_with_unit(
            "kafka_client_round_trip",
            "99th percentile of the brokers' response time over the last interval, of the slowest broker",
            Unit::Seconds,
            metrics.round_trip.clone(),
        );
        metrics
    }

    /// Takes over what a client reports; returns whether it is connected to any broker.
    pub(crate) fn update(&self, client: &'static str, statistics: &Statistics) -> bool {
        let label = ClientLabel { client };
        let brokers = || statistics.brokers.values();
        let set = |family: &Family<ClientLabel, Gauge>, value: i64| {
            family.get_or_create(&label).set(value);
        };
        let unsigned = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let partitions = || {
            statistics
                .topics
                .values()
                .flat_map(|topic| topic.partitions.values())
        };
        let fetched: i64 = partitions().map(|partition| partition.fetchq_cnt).sum();
        let fetched_bytes: u64 = partitions().map(|partition| partition.fetchq_size).sum();
        set(&self.queued_records, unsigned(statistics.msg_cnt) + fetched);
        set(
            &self.queued_bytes,
            unsigned(statistics.msg_size + fetched_bytes),
        );
        set(&self.requests, statistics.tx);
        set(&self.sent_bytes, statistics.tx_bytes);
        set(&self.received_bytes, statistics.rx_bytes);
        let errors: u64 = brokers()
            .map(|b| b.txerrs + b.rxerrs + b.req_timeouts)
            .sum();
        set(&self.request_errors, unsigned(errors));
        let up = brokers().filter(|broker| broker.state == "UP").count();
        set(&self.brokers_up, i64::try_from(up).unwrap_or(i64::MAX));
        let slowest = brokers()
            .filter_map(|b| b.rtt.as_ref())
            .map(|rtt| rtt.p99)
            .max();
        #[allow(clippy::cast_precision_loss, reason = "microseconds")]
        let seconds = slowest.unwrap_or(0) as f64 / 1e6;
        self.round_trip.get_or_create(&label).set(seconds);
        up > 0
    }
}
