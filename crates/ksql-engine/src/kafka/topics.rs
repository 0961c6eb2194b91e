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
pub(crate) struct Listed {
    pub(crate) name: String,
    /// For each partition the number of its replicas.
    pub(crate) replicas: Vec<u32>,
}

/// A client that reads nothing, but asks for metadata.
pub(crate) fn asking(settings: &KafkaSettings) -> Result<Arc<BaseConsumer>, RuntimeError> {
    let consumer = settings.assigning_consumer("ksql-topics").create();
    consumer
        .map(Arc::new)
        .map_err(RuntimeError::kafka("a consumer cannot be made"))
}

/// All topics, by name. Asking for all makes none.
pub(crate) async fn list(consumer: &Arc<BaseConsumer>) -> Result<Vec<Listed>, RuntimeError> {
    let consumer = Arc::clone(consumer);
    // librdkafka waits for the answer in the calling thread.
    let metadata = tokio::task::spawn_blocking(move || consumer.fetch_metadata(None, ANSWER))
        .await
        .map_err(|_| RuntimeError::Interrupted)?
        .map_err(RuntimeError::kafka(
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

/// How long the broker may take to do what an admin client asks.
pub(crate) fn patience() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(ANSWER))
        .request_timeout(Some(ANSWER))
}

/// Asks the broker for a topic; one that exists by now is fine.
pub(crate) async fn ask_for(
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
