//! librdkafka's statistics as metrics.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rdkafka::statistics::Statistics;

/// Gauges of a consumer and a producer. Clones share the values.
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
        for (name, help, gauge) in [
            (
                "queued_records",
                "Records in the client's queues: fetched ahead, or not acknowledged yet",
                &metrics.queued_records,
            ),
            (
                "queued_bytes",
                "Bytes of the queued records",
                &metrics.queued_bytes,
            ),
            ("requests", "Requests to brokers", &metrics.requests),
            ("sent_bytes", "Bytes sent to brokers", &metrics.sent_bytes),
            (
                "received_bytes",
                "Bytes received from brokers",
                &metrics.received_bytes,
            ),
            (
                "request_errors",
                "Requests to brokers that failed or timed out",
                &metrics.request_errors,
            ),
            (
                "brokers_up",
                "Brokers with a connection",
                &metrics.brokers_up,
            ),
        ] {
            registry.register(format!("kafka_client_{name}"), help, gauge.clone());
        }
        registry.register_with_unit(
            "kafka_client_round_trip",
            "Response time of the slowest broker: 99th percentile of the last interval",
            Unit::Seconds,
            metrics.round_trip.clone(),
        );
        metrics
    }

    /// Updates the gauges of `client`; returns whether it is connected to a broker.
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
