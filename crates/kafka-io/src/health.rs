//! Whether a pipeline does its job, and why it ended.

use rdkafka::error::KafkaError;

use crate::receipt::Failure;

/// Ok while the pipeline does its job, else why not.
pub type Health = Result<(), String>;

/// Why a pipeline ended. Everything that was not committed is read again after a restart.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The client refused a setting or a call, or lost its membership for good.
    #[error("Kafka client: {0}")]
    Kafka(#[from] KafkaError),
    /// A batch could not be finished.
    #[error(transparent)]
    Batch(#[from] Failure),
    /// A part of the pipeline panicked.
    #[error("the reading thread ended unexpectedly: {0}")]
    Panic(String),
}
