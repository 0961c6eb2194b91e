//! Errors of statements and queries on Kafka.

use rdkafka::error::KafkaError;

use crate::execute::QueryFailed;
use ksql_parser::error::StatementError;

/// Why a statement was not executed, or a query ended.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The statement is refused.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A query failed on a record.
    #[error(transparent)]
    Query(#[from] QueryFailed),
    /// A Kafka operation failed.
    #[error("{action}: {source}")]
    Kafka {
        /// The operation.
        action: &'static str,
        /// The error of librdkafka.
        source: KafkaError,
    },
    /// Kafka is unreachable.
    #[error(transparent)]
    Unreachable(#[from] kafka_io::Unreachable),
    /// A topic could not be created.
    #[error("topic `{topic}` cannot be created: {reason}; create it first")]
    Topic {
        /// The topic.
        topic: String,
        /// The reason.
        reason: String,
    },
    /// Records were deleted before they were read.
    #[error(
        "records of topic `{topic}` were deleted before they were read: its producers are too far ahead of the queries"
    )]
    Deleted {
        /// The topic.
        topic: String,
    },
    /// A query panicked: a bug in this program.
    #[error("query {query} panicked: see the log")]
    Panicked {
        /// The query's id.
        query: String,
    },
    /// The process is ending.
    #[error("interrupted")]
    Interrupted,
}

impl RuntimeError {
    /// Adds the operation to an error, for `map_err`.
    pub(crate) fn kafka(action: &'static str) -> impl Fn(KafkaError) -> Self {
        move |source| Self::Kafka { action, source }
    }
}
