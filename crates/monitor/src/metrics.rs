//! The metrics of the monitor. Labels are actions and statuses, never ids.

use std::time::Instant;

use observer::Observer;
use pipeline::topics::dead_letters_of;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Bucket bounds of rendering times, in seconds.
const RENDERING: [f64; 8] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5];

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
    pub(crate) fn register(registry: &mut Registry, observer: Observer) -> Self {
        registry.register_collector(Box::new(DeadLetters(observer)));
        Self::of_the_page(registry)
    }

    /// All metrics except dead letters, which need a pipeline.
    pub(crate) fn of_the_page(registry: &mut Registry) -> Self {
        let metrics = Self {
            viewers: Gauge::default(),
            refused: Counter::default(),
            frames: Counter::default(),
            rendering: Histogram::new(RENDERING),
            actions: Family::default(),
        };
        for action in ["train", "activate", "pin", "unpin"] {
            // Starts at 0, so that an alert on an increase sees the first action.
            let labels = ActionLabels {
                action,
                status: 200,
            };
            drop(metrics.actions.get_or_create(&labels));
        }
        let of = metrics.clone();
        registry.register("monitor_viewers", "Pages that are open", of.viewers);
        let help = "Pages refused because too many were open";
        registry.register("monitor_viewers_refused", help, of.refused);
        registry.register("monitor_frames", "Frames sent", of.frames);
        let help = "Time to render all sections of the page";
        registry.register_with_unit("monitor_rendering", help, Unit::Seconds, of.rendering);
        let help = "Actions requested on the page, by status of the answer";
        registry.register("monitor_actions", help, of.actions);
        metrics
    }
}

/// Dead letters that arrived since the monitor started to read their topics. Topics without any are
/// exported as 0, so that an alert on an increase sees the first one.
#[derive(Debug)]
struct DeadLetters(Observer);

impl Collector for DeadLetters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let help =
            "Records that arrived on dead-letter topics since the monitor started to read them";
        let kind = MetricType::Counter;
        let mut family = encoder.encode_descriptor("dead_letters", help, None, kind)?;
        let now = Instant::now();
        for topic in self.0.definition().topics.all().map(dead_letters_of) {
            let traffic = self.0.traffic().of(&topic, now);
            let records = ConstCounter::new(traffic.map_or(0, |traffic| traffic.records));
            let labels = [("topic", topic.as_str())];
            records.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
