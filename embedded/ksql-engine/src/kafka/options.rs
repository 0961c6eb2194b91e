//! Options of a runtime.

use std::time::Duration;

use crate::kafka::merge::MaxTaskIdle;
use crate::kafka::metrics::Metrics;
use crate::kafka::script::PROCESSING_LOG;
use crate::kafka::topics::CreateTopic;

/// Options of a runtime, all with defaults.
#[derive(Clone)]
pub struct Options {
    /// The prefix of the client ids.
    pub client_id: String,
    /// The topic for skipped records and failed expressions.
    pub processing_log: String,
    /// Creates topics; `None` if the broker does.
    pub create_topic: Option<CreateTopic>,
    /// The counters of the queries.
    pub metrics: Metrics,
    /// How long the start waits for the broker.
    pub patience: Duration,
    /// How long queries wait for partitions at their end.
    pub max_task_idle: MaxTaskIdle,
    /// For tests: plays ksqlDB's disorder. The partitions of a persistent query are not merged by time, and
    /// the query starts to process them one after the other, with this pause before each.
    pub disorder: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            client_id: "ksql-engine".to_owned(),
            processing_log: PROCESSING_LOG.to_owned(),
            create_topic: None,
            metrics: Metrics::default(),
            // Leaves time for a broker that starts together with the engine.
            patience: Duration::from_secs(60),
            max_task_idle: MaxTaskIdle::default(),
            disorder: None,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("client_id", &self.client_id)
            .field("processing_log", &self.processing_log)
            .finish_non_exhaustive()
    }
}
