//! The metrics of the model server. Label values are routes, statuses and outcomes. The only id is the
//! live version's.

use std::time::Duration;

use model_store::{LiveSlot, TrainingOutcome};
use pipeline::{Definition, EventTime};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::training::{TrainFailure, TrainReport};

/// Upper bounds of the latency buckets, in seconds.
const LATENCY: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0,
    10.0,
];

/// The error statuses that alerts watch.
const FAILURES: [u16; 2] = [500, 503];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: String,
}

/// The service's metrics. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabels, Histogram, fn() -> Histogram>,
    trainings: Family<OutcomeLabels, Counter>,
    trained_rows: Counter,
    skipped_rows: Family<ReasonLabels, Counter>,
    /// Requests without a response yet.
    pub in_flight: Gauge,
    /// Calls for training. Concurrent calls with the same request share one training.
    pub training_calls: Counter,
    /// Predictions for a level of a category that the training rows do not contain.
    pub unseen: Counter,
    /// Failed reads of the decision log.
    pub store_failures: Counter,
}

impl Metrics {
    /// Registers the metrics, including the live model's.
    pub fn register(registry: &mut Registry, definition: &Definition, live: LiveSlot) -> Self {
        let metrics = Self {
            requests: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(LATENCY)),
            trainings: Family::default(),
            trained_rows: Counter::default(),
            skipped_rows: Family::default(),
            in_flight: Gauge::default(),
            training_calls: Counter::default(),
            unseen: Counter::default(),
            store_failures: Counter::default(),
        };
        // `increase()` misses the first event of a counter that did not exist before it.
        let outcomes = TrainingOutcome::ALL.map(TrainingOutcome::name);
        for outcome in outcomes.into_iter().chain(TrainFailure::OUTCOMES) {
            let _ = metrics.trainings.get_or_create(&OutcomeLabels { outcome });
        }
        let handles = metrics.clone();
        registry.register(
            "http_requests",
            "Requests by route and status",
            handles.requests,
        );
        let help = "Time from the request's head to the response's head";
        registry.register_with_unit(
            "http_request_duration",
            help,
            Unit::Seconds,
            handles.latency,
        );
        registry.register(
            "http_requests_in_flight",
            "Requests without a response yet",
            handles.in_flight,
        );
        let help = "Calls for training; concurrent calls with the same request share one training";
        registry.register("training_calls", help, handles.training_calls);
        registry.register("trainings", "Trainings by outcome", handles.trainings);
        registry.register(
            "training_rows",
            "Training rows of all trained versions",
            handles.trained_rows,
        );
        registry.register(
            "training_skipped_rows",
            "Rows that trainings skipped because a field is invalid, by reason",
            handles.skipped_rows,
        );
        let category = only_category(definition).unwrap_or("level");
        let help = format!(
            "Predictions for a {category} that the live model's training rows do not contain"
        );
        registry.register(format!("unseen_{category}_answers"), help, handles.unseen);
        let help = "Failed reads of the decision log";
        registry.register("store_failures", help, handles.store_failures);
        registry.register_collector(Box::new(LiveCollector(live)));
        metrics
    }

    /// The metrics of one route.
    pub(crate) fn route(&self, route: &'static str) -> RouteMetrics {
        for status in FAILURES {
            let _ = self
                .requests
                .get_or_create(&RequestLabels { route, status });
        }
        RouteMetrics {
            route,
            ok: self
                .requests
                .get_or_create_owned(&RequestLabels { route, status: 200 }),
            latency: self.latency.get_or_create_owned(&RouteLabels { route }),
            requests: self.requests.clone(),
            in_flight: self.in_flight.clone(),
        }
    }

    /// Counts a training, or a call for training that was rejected.
    pub(crate) fn training(&self, result: &Result<TrainReport, TrainFailure>) {
        let outcome = match result {
            Ok(report) => report.outcome.name(),
            Err(failure) => failure.outcome(),
        };
        self.trainings
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
        if let Ok(report) = result {
            for (reason, rows) in &report.skipped_reasons {
                let reason = reason.clone();
                let labels = ReasonLabels { reason };
                self.skipped_rows.get_or_create(&labels).inc_by(*rows);
            }
        }
        if let Ok(TrainReport {
            rows: Some(rows), ..
        }) = result
        {
            self.trained_rows.inc_by(*rows);
        }
    }
}

/// The name of the only category, if it may be a part of a metric's name.
fn only_category(definition: &Definition) -> Option<&str> {
    let mut categories = definition.categories();
    let (Some(only), None) = (categories.next(), categories.next()) else {
        return None;
    };
    let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    only.name.chars().all(legal).then_some(only.name.as_str())
}

/// One route's metrics.
#[derive(Debug)]
pub(crate) struct RouteMetrics {
    pub(crate) route: &'static str,
    ok: Counter,
    latency: Histogram,
    requests: Family<RequestLabels, Counter>,
    in_flight: Gauge,
}

/// Counts a request as in flight until dropped, even if its client disconnects.
#[derive(Debug)]
pub(crate) struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl RouteMetrics {
    /// Counts a request as in flight.
    pub(crate) fn enter(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(&self.in_flight)
    }

    /// Counts a response and its latency.
    pub(crate) fn observe(&self, status: u16, took: Duration) {
        self.latency.observe(took.as_secs_f64());
        if status == 200 {
            self.ok.inc();
        } else {
            let labels = RequestLabels {
                route: self.route,
                status,
            };
            self.requests.get_or_create(&labels).inc();
        }
    }
}

/// Reads the live model when the metrics are scraped.
#[derive(Debug)]
struct LiveCollector(LiveSlot);

impl Collector for LiveCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(live) = self.0.get() else {
            return Ok(());
        };
        let info = Info::new(vec![("version", live.info.model_version.clone())]);
        let help = "The live model";
        info.encode(encoder.encode_descriptor("model_live", help, None, info.metric_type())?)?;
        let now = EventTime::now().as_millis();
        let age = ConstGauge::new((now - live.info.trained.as_millis()) as f64 / 1000.0);
        let help = "Time since the live model was trained";
        let unit = Some(&Unit::Seconds);
        age.encode(encoder.encode_descriptor("model_live_age", help, unit, age.metric_type())?)?;
        let rows = ConstGauge::new(live.info.rows);
        let help = "Training rows of the live model";
        rows.encode(encoder.encode_descriptor("model_live_rows", help, None, rows.metric_type())?)
    }
}
