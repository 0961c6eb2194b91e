//! What all requests share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kafka_io::KafkaSettings;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::kafka::Runtime;
use crate::serve::commands::Commands;
use crate::serve::open_queries::OpenQueries;
use crate::serve::server::Limits;
use crate::serve::topics::{Topics, TopicsError};
use crate::serve::view::View;

/// What all requests share.
pub(crate) struct State {
    pub(crate) runtime: Runtime,
    pub(crate) kafka: KafkaSettings,
    pub(crate) topics: Arc<dyn Topics>,
    pub(crate) limits: Limits,
    /// The address at which the server listens.
    pub(crate) host: String,
    pub(crate) cluster_id: String,
    /// One request that changes something at a time.
    pub(crate) executing: tokio::sync::Mutex<()>,
    pub(crate) commands: Mutex<Commands>,
    /// How many transient queries may still be opened.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) open: OpenQueries,
    /// How long topics keep records: asked once, forgotten when a topic is dropped.
    pub(crate) retentions: Mutex<HashMap<String, i64>>,
    pub(crate) shutdown: CancellationToken,
}

pub(crate) type Shared = Arc<State>;

impl State {
    /// What there is now.
    pub(crate) async fn view(&self) -> Result<View, TopicsError> {
        let topics = self.topics.list().await?;
        let mut registry = self.runtime.registry();
        for topic in &topics {
            registry
                .catalog_mut()
                .add_topic(topic.name.clone(), topic.partitions());
        }
        let mut retentions = HashMap::new();
        for query in registry.queries() {
            let topic = &query.sink.topic;
            if topics.iter().any(|known| known.name == *topic) {
                retentions.insert(topic.clone(), self.retention_ms(topic).await?);
            }
        }
        Ok(View {
            registry,
            topics,
            retentions,
            broken: self.runtime.broken(),
        })
    }

    /// How long a topic keeps its records.
    pub(crate) async fn retention_ms(&self, topic: &str) -> Result<i64, TopicsError> {
        let known = |state: &Self| {
            let retentions = state.retentions.lock();
            let retentions = retentions.unwrap_or_else(PoisonError::into_inner);
            retentions.get(topic).copied()
        };
        if let Some(millis) = known(self) {
            return Ok(millis);
        }
        let millis = self.topics.retention_ms(topic).await?;
        self.remember_retention(topic, Some(millis));
        Ok(millis)
    }

    /// Keeps or forgets how long a topic keeps its records.
    pub(crate) fn remember_retention(&self, topic: &str, millis: Option<i64>) {
        let retentions = self.retentions.lock();
        let mut retentions = retentions.unwrap_or_else(PoisonError::into_inner);
        match millis {
            Some(millis) => retentions.insert(topic.to_owned(), millis),
            None => retentions.remove(topic),
        };
    }

    /// The commands so far.
    pub(crate) fn commands(&self) -> std::sync::MutexGuard<'_, Commands> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
