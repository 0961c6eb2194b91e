//! What the server asks of the broker's topics, so that an embedder can answer it in another way.

mod kafka;

use futures::future::BoxFuture;

pub use kafka::KafkaTopics;

/// Lists, makes and deletes topics.
///
/// A broker's own administration does it ([`KafkaTopics`]); a broker that answers no such calls
/// gets an implementation by whoever starts it.
pub trait Topics: Send + Sync {
    /// All topics, by name.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Topic>, TopicsError>>;

    /// How long each of these topics keeps its records, in milliseconds; -1: for ever.
    fn retentions_ms<'a>(
        &'a self,
        topics: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<i64>, TopicsError>>;

    /// Makes a topic; when this returns, the broker knows it.
    fn create(&self, topic: TopicSpec) -> BoxFuture<'_, Result<(), TopicsError>>;

    /// Whether topics can be deleted at all: asked before anything that needs it is done.
    fn can_delete(&self) -> bool;

    /// Deletes a topic with its records.
    fn delete<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<(), TopicsError>>;

    /// The broker's id of its cluster.
    fn cluster_id(&self) -> BoxFuture<'_, Result<String, TopicsError>>;
}

/// A topic that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// For each partition the number of its replicas.
    pub replicas: Vec<u32>,
}

impl Topic {
    /// Its number of partitions.
    pub fn partitions(&self) -> u32 {
        u32::try_from(self.replicas.len()).unwrap_or(u32::MAX)
    }

    /// Whether it belongs to Kafka or a program and not to the pipeline.
    pub(crate) fn is_internal(&self) -> bool {
        let names = [
            "_schemas",
            "connect-configs",
            "connect-offsets",
            "connect-status",
            "connect-statuses",
        ];
        names.contains(&self.name.as_str())
            || self.name.starts_with("_confluent")
            || self.name.starts_with("__")
    }
}

/// A topic to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// Its number of partitions.
    pub partitions: u32,
    /// Its number of replicas; none: the broker's default.
    pub replicas: Option<u32>,
    /// How long it keeps its records, in milliseconds, -1 for ever; none: the broker's default.
    pub retention_ms: Option<i64>,
    /// Kafka's `cleanup.policy`, such as `delete` or `compact,delete`.
    pub cleanup_policy: &'static str,
}

/// Why the broker did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{action}: {reason}")]
pub struct TopicsError {
    /// What was asked.
    pub action: String,
    /// Why it was not done, and what to do.
    pub reason: String,
}

impl TopicsError {
    /// For `map_err`.
    pub(crate) fn of<E: std::fmt::Display>(action: impl Into<String>) -> impl FnOnce(E) -> Self {
        let action = action.into();
        move |reason| Self {
            action,
            reason: reason.to_string(),
        }
    }
}
