//! Which topics exist, and making those that do not.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use kafka_io::KafkaSettings;
use rdkafka::admin::{AdminClient, AdminOptions, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;

use crate::kafka::error::RuntimeError;

const ANSWER: Duration = Duration::from_secs(30);

/// A topic to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Its number of partitions.
    pub partitions: u32,
}

/// Makes a topic in another way than by asking the broker: for a broker that answers no such calls.
pub type CreateTopic =
    Arc<dyn Fn(NewTopic) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// A topic that exists.
pub struct Listed {
    pub name: String,
    /// For each partition the number of its replicas.
    pub replicas: Vec<u32>,
}

/// A client that reads nothing, but asks about the cluster; clones share it.
#[derive(Clone)]
pub struct Asking(Arc<BaseConsumer>);

impl Asking {
    pub fn new(settings: &KafkaSettings) -> Result<Self, RuntimeError> {
        let consumer = settings.assigning_consumer("ksql-topics").create();
        let consumer = consumer.map_err(RuntimeError::kafka("a consumer cannot be made"))?;
        Ok(Self(Arc::new(consumer)))
    }

    /// All topics, by name. Asking for all makes none.
    pub async fn topics(&self) -> Result<Vec<Listed>, RuntimeError> {
        let metadata = self.ask(|consumer| consumer.fetch_metadata(None, ANSWER));
        let metadata = metadata.await?.map_err(RuntimeError::kafka(
            "the broker's topics cannot be found out",
        ))?;
        let known = metadata.topics().iter();
        let known = known.filter(|topic| topic.error().is_none());
        let mut topics: Vec<Listed> = known
            .map(|topic| {
                let partitions = topic.partitions().iter();
                let replicas = partitions.map(|partition| partition.replicas().len());
                Listed {
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

    /// The broker's id of its cluster, if it tells.
    pub async fn cluster_id(&self) -> Result<Option<String>, RuntimeError> {
        self.ask(|consumer| consumer.client().fetch_cluster_id(ANSWER))
            .await
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&BaseConsumer) -> T + Send + 'static,
    ) -> Result<T, RuntimeError> {
        let consumer = Arc::clone(&self.0);
        // librdkafka waits for the answer in the calling thread.
        let asked = tokio::task::spawn_blocking(move || {
            let answer = question(&consumer);
            // What the client has to say meanwhile would be kept until somebody hears it: this hands
            // its errors to the log.
            while let Some(Err(error)) = consumer.poll(Duration::ZERO) {
                tracing::debug!(%error, "the client that asks for topics");
            }
            answer
        });
        asked.await.map_err(|_| RuntimeError::Interrupted)
    }
}

/// How long the broker may take to do what an admin client asks.
pub fn patience() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(ANSWER))
        .request_timeout(Some(ANSWER))
}

/// Asks the broker for a topic; one that exists by now is fine.
pub async fn ask_for(
    admin: &AdminClient<DefaultClientContext>,
    new: &rdkafka::admin::NewTopic<'_>,
) -> Result<(), String> {
    let made = admin.create_topics([new], &patience()).await;
    for result in made.map_err(|error| error.to_string())? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(code.to_string()),
        }
    }
    Ok(())
}

/// Makes a topic that did not exist a moment ago.
pub async fn create(
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
        .map_err(RuntimeError::kafka("an admin client cannot be made"))?;
    let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
    // -1: as many copies as the broker makes by default.
    let new = rdkafka::admin::NewTopic::new(&topic.name, partitions, TopicReplication::Fixed(-1));
    ask_for(&admin, &new).await.map_err(failed)?;
    tracing::info!(
        topic = topic.name,
        partitions = topic.partitions,
        "topic created"
    );
    Ok(())
}
