//! What Kafka refuses an observer, by topic.

use std::collections::BTreeMap;

use kafka_io::KafkaSettings;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::watch;

use crate::observer::CLIENT_ID;

/// The reason for each topic that cannot be read; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Refusals {
    kafka: KafkaSettings,
    by_topic: watch::Sender<BTreeMap<String, String>>,
}

impl Refusals {
    pub(crate) fn new(kafka: KafkaSettings) -> Self {
        Self {
            kafka,
            by_topic: watch::Sender::default(),
        }
    }

    /// Why a request for `operation` on the topic is refused, if the error says so.
    pub(crate) fn of_topic(
        &self,
        error: &KafkaError,
        operation: &str,
        topic: &str,
    ) -> Option<String> {
        let code = error.rdkafka_error_code()?;
        if code != RDKafkaErrorCode::TopicAuthorizationFailed {
            return None;
        }
        self.kafka
            .refusal(code, operation, &format!("topic `{topic}`"))
    }

    /// The error of a topic's reader in words. Errors about authorization concern its group.
    pub(crate) fn explain(&self, error: &KafkaError) -> String {
        let group = format!("group `{CLIENT_ID}`");
        self.kafka.explain(error, "Describe", &group)
    }

    /// Sets or removes the topic's reason, and logs it unless another topic has the same. Returns whether it
    /// changed.
    pub(crate) fn set(&self, topic: &str, reason: Option<String>) -> bool {
        self.by_topic.send_if_modified(|known| {
            if known.get(topic) == reason.as_ref() {
                return false;
            }
            let Some(reason) = reason else {
                return known.remove(topic).is_some();
            };
            if !known.values().any(|other| *other == reason) {
                tracing::warn!("{reason}");
            }
            known.insert(topic.to_owned(), reason);
            true
        })
    }

    pub(crate) fn first(&self) -> Option<String> {
        self.by_topic.borrow().values().next().cloned()
    }

    /// Waits for the first reason.
    pub(crate) async fn wait(&self) -> String {
        let mut changes = self.by_topic.subscribe();
        loop {
            let first = changes.borrow_and_update().values().next().cloned();
            match first {
                Some(reason) => return reason,
                // Cannot fail: `self` keeps the sender alive.
                None => drop(changes.changed().await),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_lasts_until_its_topic_can_be_read() {
        let refusals = Refusals::new(KafkaSettings::plain("127.0.0.1:1"));
        let denied = KafkaError::MetadataFetch(RDKafkaErrorCode::TopicAuthorizationFailed);
        let reason = refusals.of_topic(&denied, "Describe", "a");
        assert!(refusals.set("a", reason.clone()));
        assert!(!refusals.set("a", reason));
        assert!(!refusals.set("b", None));
        assert!(refusals.wait().await.contains("Describe on topic `a`"));
        assert!(refusals.set("a", None));
        assert_eq!(refusals.first(), None);
    }

    #[test]
    fn a_refused_group_does_not_stop_the_reader() {
        let refusals = Refusals::new(KafkaSettings::plain("127.0.0.1:1"));
        let denied = KafkaError::MessageConsumption(RDKafkaErrorCode::GroupAuthorizationFailed);
        assert_eq!(refusals.of_topic(&denied, "Read", "a"), None);
        let text = refusals.explain(&denied);
        assert!(
            text.contains("Describe on group `catchweight-observer`"),
            "{text}"
        );
    }
}
