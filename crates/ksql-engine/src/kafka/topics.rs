//! Which topics exist, and making those that do not.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use kafka_io::KafkaSettings;
use rdkafka::admin::{AdminClient, AdminOptions, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;

use crate::kafka::runtime::RuntimeError;

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

/// All topics with their numbers of partitions.
pub(crate) async fn existing(settings: &KafkaSettings) -> Result<Vec<(String, u32)>, RuntimeError> {
    let consumer: BaseConsumer = settings
        .assigning_consumer("ksql-topics")
        .create()
        .map_err(RuntimeError::kafka("a consumer cannot be made"))?;
    // librdkafka waits for the answer in the calling thread. Asking for all topics makes none.
    let metadata = tokio::task::spawn_blocking(move || consumer.fetch_metadata(None, ANSWER))
        .await
        .map_err(|_| RuntimeError::Interrupted)?
        .map_err(RuntimeError::kafka(
            "the broker's topics cannot be found out",
        ))?;
    Ok(metadata
        .topics()
        .iter()
        .filter(|topic| topic.error().is_none())
        .map(|topic| {
            let count = u32::try_from(topic.partitions().len()).unwrap_or(u32::MAX);
            (topic.name().to_owned(), count)
        })
        .collect())
}

/// Makes a topic that did not exist a moment ago; one that exists by now is fine.
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
    let options = AdminOptions::new()
        .operation_timeout(Some(ANSWER))
        .request_timeout(Some(ANSWER));
    let results = admin
        .create_topics([&new], &options)
        .await
        .map_err(|error| failed(error.to_string()))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(failed(code.to_string())),
        }
    }
    tracing::info!(
        topic = topic.name,
        partitions = topic.partitions,
        "topic created"
    );
    Ok(())
}
