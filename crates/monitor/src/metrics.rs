//! What the monitor counts. Labels are actions and statuses, never ids.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of the buckets of rendering times, in seconds.
const RENDERING: [f64; 8] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5];

/// An action and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ActionLabels {
    pub(crate) action: &'static str,
    pub(crate) status: u16,
}

/// The service's metrics; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) viewers: Gauge,
    pub(crate) refused: Counter,
    pub(crate) frames: Counter,
    pub(crate) rendering: Histogram,
    pub(crate) actions: Family<ActionLabels, Counter>,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            viewers: Gauge::default(),
            refused: Counter::default(),
            frames: Counter::default(),
            rendering: Histogram::new(RENDERING),
            actions: Family::default(),
        };
        let of = metrics.clone();
        registry.register("monitor_viewers", "Pages that are open", of.viewers);
        let help = "Pages that were refused because too many were open";
        registry.register("monitor_viewers_refused", help, of.refused);
        registry.register("monitor_frames", "States that were sent", of.frames);
        let help = "From what is known to the page's sections";
        registry.register_with_unit("monitor_rendering", help, Unit::Seconds, of.rendering);
        let help = "Actions asked for on the page, by the status of the answer";
        registry.register("monitor_actions", help, of.actions);
        metrics
    }
}
