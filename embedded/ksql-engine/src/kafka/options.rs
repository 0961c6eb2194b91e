//! What a runtime is told: clients' names, topics, counters and how long it waits.

use std::time::Duration;

use crate::kafka::metrics::Metrics;
use crate::kafka::script::PROCESSING_LOG;
use crate::kafka::topics::CreateTopic;

/// Settings of a runtime; each has a default.
#[derive(Clone)]
pub struct Options {
    /// Prefix of the clients' names.
    pub client_id: String,
    /// The topic in which queries tell which records they cannot read and which expressions fail.
    pub processing_log: String,
    /// Makes topics; none: the broker is asked.
    pub create_topic: Option<CreateTopic>,
    /// What the queries count.
    pub metrics: Metrics,
    /// How long a start waits for a broker that does not answer.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            client_id: "ksql-engine".to_owned(),
            processing_log: PROCESSING_LOG.to_owned(),
            create_topic: None,
            metrics: Metrics::default(),
            // A broker that is started together with the engine takes longer.
            patience: Duration::from_secs(60),
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
