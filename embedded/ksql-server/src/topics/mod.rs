//! The operations on topics that the server needs. An embedder can implement them differently.

mod kafka;

use futures::future::BoxFuture;

pub use kafka::KafkaTopics;

/// Lists, creates and deletes topics. [`KafkaTopics`] uses the broker's admin API.
pub trait Topics: Send + Sync {
    /// All topics, by name.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Topic>, TopicsError>>;

    /// The retention of each of these topics, in milliseconds; -1: forever.
    fn retentions_ms<'a>(
        &'a self,
        topics: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<i64>, TopicsError>>;

    /// Creates a topic. When this returns, the broker lists it.
    fn create(&self, topic: TopicSpec) -> BoxFuture<'_, Result<(), TopicsError>>;

    /// Whether topics can be deleted at all.
    fn can_delete(&self) -> bool;

    /// Deletes a topic with its records.
    fn delete<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<(), TopicsError>>;

    /// The id of the cluster.
    fn cluster_id(&self) -> BoxFuture<'_, Result<String, TopicsError>>;
}

/// An existing topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// The number of replicas of each partition.
    pub replicas: Vec<u32>,
}

impl Topic {
    /// Its number of partitions.
    pub fn partitions(&self) -> u32 {
        u32::try_from(self.replicas.len()).unwrap_or(u32::MAX)
    }
}

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// Its number of partitions.
    pub partitions: u32,
    /// The number of replicas; `None`: the broker's default.
    pub replicas: Option<u32>,
    /// The retention in milliseconds, -1 for forever; `None`: the broker's default.
    pub retention_ms: Option<i64>,
    /// Kafka's `cleanup.policy`, such as `delete` or `compact,delete`.
    pub cleanup_policy: &'static str,
}

/// Why an operation on topics failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{action}: {reason}")]
pub struct TopicsError {
    /// The operation.
    pub action: String,
    /// The reason, and what to do.
    pub reason: String,
}

impl TopicsError {
    /// Adds the operation to an error, for `map_err`.
    pub(crate) fn of<E: std::fmt::Display>(action: impl Into<String>) -> impl FnOnce(E) -> Self {
        let action = action.into();
        move |reason| Self {
            action,
            reason: reason.to_string(),
        }
    }
}
