//! The shared state of all requests.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use kafka_io::KafkaSettings;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::commands::Commands;
use crate::open_queries::OpenQueries;
use crate::server::Limits;
use crate::token::Token;
use crate::topics::{Topics, TopicsError};
use crate::view::View;
use ksql_engine::kafka::Runtime;

/// The shared state of all requests.
pub(crate) struct State {
    pub(crate) runtime: Runtime,
    pub(crate) kafka: KafkaSettings,
    pub(crate) topics: Arc<dyn Topics>,
    pub(crate) limits: Limits,
    pub(crate) token: Option<Token>,
    /// The address of the server.
    pub(crate) host: String,
    pub(crate) cluster_id: String,
    /// Held by a request that changes what is declared or running.
    pub(crate) executing: tokio::sync::Mutex<()>,
    pub(crate) commands: Mutex<Commands>,
    /// Slots for open queries.
    pub(crate) query_slots: Arc<Semaphore>,
    pub(crate) open: OpenQueries,
    pub(crate) shutdown: CancellationToken,
}

pub(crate) type Shared = Arc<State>;

impl State {
    /// A snapshot of what exists, without the retention of topics.
    pub(crate) async fn view(&self) -> Result<View, TopicsError> {
        let topics = self.topics.list().await?;
        let mut registry = self.runtime.registry();
        for topic in &topics {
            registry
                .catalog_mut()
                .add_topic(topic.name.clone(), topic.partitions());
        }
        Ok(View {
            registry,
            topics,
            retentions: HashMap::new(),
            failed_queries: self.runtime.failed_queries(),
        })
    }

    /// A snapshot with the retention of sink topics. The texts of queries include it; reading it costs a
    /// request to the broker.
    pub(crate) async fn view_with_retentions(&self) -> Result<View, TopicsError> {
        let mut view = self.view().await?;
        let queries = view.registry.queries().iter();
        let sinks: BTreeSet<&str> = queries
            .map(|query| query.sink.topic.as_str())
            .filter(|sink| view.topic(sink).is_some())
            .collect();
        let sinks: Vec<&str> = sinks.into_iter().collect();
        let retentions = self.topics.retentions_ms(&sinks).await?;
        let sinks = sinks.into_iter().map(str::to_owned);
        view.retentions = sinks.zip(retentions).collect();
        Ok(view)
    }

    /// The retention of a topic.
    pub(crate) async fn retention_ms(&self, topic: &str) -> Result<i64, TopicsError> {
        let found = self.topics.retentions_ms(&[topic]).await?;
        found.first().copied().ok_or_else(|| TopicsError {
            action: format!("the settings of {topic} cannot be read"),
            reason: "the broker did not answer".to_owned(),
        })
    }

    /// The executed commands.
    pub(crate) fn commands(&self) -> std::sync::MutexGuard<'_, Commands> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
