//! Whether a pipeline works, and why it ended.

use rdkafka::error::KafkaError;

use super::Failure;

/// Ok while the pipeline processes records, otherwise the reason.
pub type Health = Result<(), String>;

/// Why a pipeline ended. A restart reads everything again that was not committed.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The client rejected a setting or a call, or lost its membership permanently.
    #[error("Kafka client: {0}")]
    Kafka(#[from] KafkaError),
    /// A batch could not be finished.
    #[error(transparent)]
    Batch(#[from] Failure),
    /// The reading thread panicked or could not start.
    #[error("the reading thread ended unexpectedly: {0}")]
    Panic(String),
}
