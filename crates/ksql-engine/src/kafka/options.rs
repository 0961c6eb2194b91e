//! What a runtime may be told.

use crate::kafka::metrics::Metrics;
use crate::kafka::script::PROCESSING_LOG;
use crate::kafka::topics::CreateTopic;

/// What a runtime may be told.
#[derive(Clone)]
pub struct Options {
    /// Prefix of the clients' names.
    pub client_id: String,
    /// The topic for records that a query cannot use.
    pub processing_log: String,
    /// Makes topics; none: the broker is asked.
    pub create_topic: Option<CreateTopic>,
    /// What the queries count.
    pub metrics: Metrics,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            client_id: "ksql-engine".to_owned(),
            processing_log: PROCESSING_LOG.to_owned(),
            create_topic: None,
            metrics: Metrics::default(),
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
