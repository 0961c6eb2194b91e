//! Metrics of the model's API.

use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug)]
pub(crate) struct ModelMetrics {
    requests: Family<ResultLabel, Counter>,
    latency: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    /// The status code, or `error` if no response arrived.
    result: String,
}

impl ModelMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            latency: Histogram::new(exponential_buckets(0.0005, 2.0, 16)),
        };
        for result in ["200", "error"] {
            // So that a rate includes the first request.
            let result = result.to_owned();
            drop(metrics.requests.get_or_create(&ResultLabel { result }));
        }
        registry.register(
            "predictor_model_requests",
            "Requests to the model by status code, or `error` without a response",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "predictor_model_latency",
            "From sending a request to the model to the end of the response",
            Unit::Seconds,
            metrics.latency.clone(),
        );
        metrics
    }

    pub(crate) fn observe(&self, started: Instant, status: Option<u16>) {
        let result = status.map_or_else(|| "error".to_owned(), |status| status.to_string());
        self.requests.get_or_create(&ResultLabel { result }).inc();
        self.latency.observe(started.elapsed().as_secs_f64());
    }
}
