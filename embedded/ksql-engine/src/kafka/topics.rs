//! Listing and creating topics.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use kafka_io::KafkaSettings;
use rdkafka::admin::{AdminClient, AdminOptions, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;

use crate::kafka::error::RuntimeError;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Its number of partitions.
    pub partitions: u32,
}

/// Creates a topic for a broker that does not support `CreateTopics`.
pub type CreateTopic =
    Arc<dyn Fn(NewTopic) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// An existing topic.
#[derive(Clone, Debug)]
pub struct ListedTopic {
    /// Its name.
    pub name: String,
    /// The number of replicas of each partition.
    pub replicas: Vec<u32>,
}

/// A client for metadata of the cluster; clones share it.
#[derive(Clone)]
pub struct ClusterClient(Arc<BaseConsumer>);

impl ClusterClient {
    /// Creates the client.
    ///
    /// # Errors
    /// librdkafka rejects the settings.
    pub fn new(settings: &KafkaSettings) -> Result<Self, RuntimeError> {
        let consumer = settings.assigning_consumer("ksql-topics").create();
        let consumer = consumer.map_err(RuntimeError::kafka("a consumer cannot be created"))?;
        Ok(Self(Arc::new(consumer)))
    }

    /// All topics, by name. Never creates a topic.
    ///
    /// # Errors
    /// The broker does not answer.
    pub async fn topics(&self) -> Result<Vec<ListedTopic>, RuntimeError> {
        let metadata = self.query(|consumer| consumer.fetch_metadata(None, TIMEOUT));
        let metadata = metadata
            .await?
            .map_err(RuntimeError::kafka("the topics cannot be listed"))?;
        let known = metadata.topics().iter();
        let known = known.filter(|topic| topic.error().is_none());
        let mut topics: Vec<ListedTopic> = known
            .map(|topic| {
                let partitions = topic.partitions().iter();
                let replicas = partitions.map(|partition| partition.replicas().len());
                ListedTopic {
                    name: topic.name().to_owned(),
                    replicas: replicas
                        .map(|count| u32::try_from(count).unwrap_or(u32::MAX))
                        .collect(),
                }
            })
            .collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// The id of the cluster, if the broker reports it.
    ///
    /// # Errors
    /// The process is ending.
    pub async fn cluster_id(&self) -> Result<Option<String>, RuntimeError> {
        self.query(|consumer| consumer.client().fetch_cluster_id(TIMEOUT))
            .await
    }

    async fn query<T: Send + 'static>(
        &self,
        request: impl FnOnce(&BaseConsumer) -> T + Send + 'static,
    ) -> Result<T, RuntimeError> {
        let consumer = Arc::clone(&self.0);
        // librdkafka blocks the calling thread.
        let task = tokio::task::spawn_blocking(move || {
            let response = request(&consumer);
            // The client queues its errors until it is polled.
            while let Some(Err(error)) = consumer.poll(Duration::ZERO) {
                tracing::debug!(%error, "the metadata client reports an error");
            }
            response
        });
        task.await.map_err(|_| RuntimeError::Interrupted)
    }
}

/// Timeouts of an admin client.
pub fn admin_options() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(TIMEOUT))
        .request_timeout(Some(TIMEOUT))
}

/// Creates a topic on the broker. An existing topic is not an error.
///
/// # Errors
/// The broker's reason.
pub async fn create_on(
    admin: &AdminClient<DefaultClientContext>,
    new: &rdkafka::admin::NewTopic<'_>,
) -> Result<(), String> {
    let made = admin.create_topics([new], &admin_options()).await;
    for result in made.map_err(|error| error.to_string())? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(code.to_string()),
        }
    }
    Ok(())
}

/// Creates a topic with the hook if there is one, otherwise on the broker.
pub(crate) async fn create(
    settings: &KafkaSettings,
    hook: Option<&CreateTopic>,
    topic: NewTopic,
) -> Result<(), RuntimeError> {
    let failed = |reason: String| RuntimeError::Topic {
        topic: topic.name.clone(),
        reason,
    };
    if let Some(hook) = hook {
        return hook(topic.clone())
            .await
            .map_err(|error| failed(format!("{error:#}")));
    }
    let admin: AdminClient<DefaultClientContext> = settings
        .producer("ksql-admin")
        .create()
        .map_err(RuntimeError::kafka("an admin client cannot be created"))?;
    let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
    // -1 selects the broker's default.
    let new = rdkafka::admin::NewTopic::new(&topic.name, partitions, TopicReplication::Fixed(-1));
    create_on(&admin, &new).await.map_err(failed)?;
    tracing::info!(
        topic = topic.name,
        partitions = topic.partitions,
        "topic created"
    );
    Ok(())
}
