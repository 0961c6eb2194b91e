//! What ends a query or a start on Kafka, and what a person can do about it.

use rdkafka::error::KafkaError;

use crate::execute::QueryFailed;
use ksql_parser::error::StatementError;

/// Why a statement is not executed, or a query does not go on.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The statement is refused.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A query died of a record.
    #[error(transparent)]
    Query(#[from] QueryFailed),
    /// Kafka did not do what was asked.
    #[error("{action}: {source}")]
    Kafka {
        /// What was asked.
        action: &'static str,
        /// What librdkafka says.
        source: KafkaError,
    },
    /// Kafka does not answer.
    #[error(transparent)]
    Unreachable(#[from] kafka_io::Unreachable),
    /// A topic could not be made.
    #[error("topic `{topic}` cannot be created: {reason}; create it first")]
    Topic {
        /// The topic.
        topic: String,
        /// Why not.
        reason: String,
    },
    /// Records were deleted before they were read.
    #[error(
        "records of topic `{topic}` were deleted before they were read: its writers run too far ahead of the queries"
    )]
    Deleted {
        /// The topic.
        topic: String,
    },
    /// A query's task broke off: an error of this program.
    #[error("query {query} broke off; the log above says where")]
    Panicked {
        /// The query's id.
        query: String,
    },
    /// The process is ending.
    #[error("interrupted")]
    Interrupted,
}

impl RuntimeError {
    /// For `map_err`: what was asked of Kafka.
    pub(crate) fn kafka(action: &'static str) -> impl Fn(KafkaError) -> Self {
        move |source| Self::Kafka { action, source }
    }
}
