//! Topics through Kafka's admin API.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rdkafka::admin::{
    AdminClient, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::topics::{Topic, TopicSpec, Topics, TopicsError};
use ksql_engine::kafka::topics::{self, ClusterClient};
use ksql_engine::kafka::{CreateTopic, NewTopic as EngineTopic, Runtime, RuntimeError};

/// The number of checks whether the broker lists a new topic, and the pause between them.
const CHECKS: u32 = 100;
const CHECK_PAUSE: Duration = Duration::from_millis(50);
/// Kafka's default of `log.retention.ms`: a week.
const DEFAULT_RETENTION_MS: i64 = 604_800_000;

/// The topics of a broker.
pub struct KafkaTopics {
    cluster: ClusterClient,
    administration: Administration,
}

/// Who creates topics.
enum Administration {
    /// The broker.
    Broker(AdminClient<DefaultClientContext>),
    /// The embedder, for a broker without `CreateTopics`.
    Embedder(CreateTopic),
}

impl std::fmt::Debug for KafkaTopics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaTopics").finish_non_exhaustive()
    }
}

impl KafkaTopics {
    /// The topics of the runtime's broker, created as the runtime creates them.
    ///
    /// # Errors
    /// librdkafka rejects the settings.
    pub fn of(runtime: &Runtime) -> Result<Self, TopicsError> {
        let administration = match &runtime.options().create_topic {
            Some(create) => Administration::Embedder(Arc::clone(create)),
            None => {
                let admin = runtime.settings().producer("ksql-server-admin").create();
                Administration::Broker(admin.map_err(TopicsError::of::<KafkaError>(
                    "an admin client cannot be created",
                ))?)
            }
        };
        Ok(Self {
            cluster: runtime.cluster().clone(),
            administration,
        })
    }

    /// Waits until the broker lists the topic, which may be some time after its creation.
    async fn wait_until_listed(&self, topic: &str) -> Result<(), TopicsError> {
        for _ in 0..CHECKS {
            if self.list().await?.iter().any(|known| known.name == topic) {
                return Ok(());
            }
            tokio::time::sleep(CHECK_PAUSE).await;
        }
        Err(TopicsError {
            action: format!("topic '{topic}' was created"),
            reason: "the broker does not list it yet; send the statement again".to_owned(),
        })
    }

    async fn create_on(
        &self,
        admin: &AdminClient<DefaultClientContext>,
        spec: &TopicSpec,
    ) -> Result<(), TopicsError> {
        let action = || format!("topic '{}' cannot be created", spec.name);
        let partitions = i32::try_from(spec.partitions).unwrap_or(i32::MAX);
        // -1 selects the broker's default.
        let replicas = spec
            .replicas
            .map_or(-1, |replicas| i32::try_from(replicas).unwrap_or(i32::MAX));
        let retention = spec.retention_ms.map(|millis| millis.to_string());
        let mut new = NewTopic::new(&spec.name, partitions, TopicReplication::Fixed(replicas))
            .set("cleanup.policy", spec.cleanup_policy);
        if let Some(retention) = &retention {
            new = new.set("retention.ms", retention);
        }
        topics::create_on(admin, &new)
            .await
            .map_err(TopicsError::of::<String>(action()))?;
        self.wait_until_listed(&spec.name).await
    }
}

impl Topics for KafkaTopics {
    fn list(&self) -> BoxFuture<'_, Result<Vec<Topic>, TopicsError>> {
        async {
            let listed = self.cluster.topics().await;
            let listed = listed.map_err(TopicsError::of::<RuntimeError>(
                "the broker's metadata cannot be read",
            ))?;
            let topics = listed.into_iter().map(|topic| Topic {
                name: topic.name,
                replicas: topic.replicas,
            });
            Ok(topics.collect())
        }
        .boxed()
    }

    fn retentions_ms<'a>(
        &'a self,
        topics: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<i64>, TopicsError>> {
        async move {
            let mut retentions = vec![DEFAULT_RETENTION_MS; topics.len()];
            let Administration::Broker(admin) = &self.administration else {
                return Ok(retentions);
            };
            if topics.is_empty() {
                return Ok(retentions);
            }
            let action = || format!("the settings of {} cannot be read", topics.join(", "));
            let resources: Vec<_> = topics
                .iter()
                .map(|name| ResourceSpecifier::Topic(name))
                .collect();
            let described = admin
                .describe_configs(&resources, &topics::admin_options())
                .await
                .map_err(TopicsError::of::<KafkaError>(action()))?;
            // The order of resources is undefined.
            for resource in described {
                let resource = resource.map_err(TopicsError::of(action()))?;
                let OwnedResourceSpecifier::Topic(name) = &resource.specifier else {
                    continue;
                };
                let index = topics.iter().position(|topic| topic == name);
                let found = resource
                    .get("retention.ms")
                    .and_then(|entry| entry.value.as_deref())
                    .and_then(|value| value.parse().ok());
                if let (Some(index), Some(found)) = (index, found)
                    && let Some(retention) = retentions.get_mut(index)
                {
                    *retention = found;
                }
            }
            Ok(retentions)
        }
        .boxed()
    }

    fn create(&self, topic: TopicSpec) -> BoxFuture<'_, Result<(), TopicsError>> {
        async move {
            match &self.administration {
                Administration::Broker(admin) => self.create_on(admin, &topic).await,
                Administration::Embedder(create) => {
                    let new = EngineTopic {
                        name: topic.name.clone(),
                        partitions: topic.partitions,
                    };
                    let action = format!("topic '{}' cannot be created", topic.name);
                    create(new).await.map_err(|error| TopicsError {
                        action,
                        reason: format!("{error:#}"),
                    })?;
                    self.wait_until_listed(&topic.name).await
                }
            }
        }
        .boxed()
    }

    fn can_delete(&self) -> bool {
        matches!(self.administration, Administration::Broker(_))
    }

    fn delete<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<(), TopicsError>> {
        async move {
            let action = || format!("topic '{topic}' cannot be deleted");
            let Administration::Broker(admin) = &self.administration else {
                return Err(TopicsError {
                    action: action(),
                    reason: "this broker does not support deletion; drop without DELETE TOPIC"
                        .to_owned(),
                });
            };
            let deleted = admin
                .delete_topics(&[topic], &topics::admin_options())
                .await
                .map_err(TopicsError::of::<KafkaError>(action()))?;
            for result in deleted {
                match result {
                    Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
                    Err((_, code)) => return Err(TopicsError::of(action())(code)),
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn cluster_id(&self) -> BoxFuture<'_, Result<String, TopicsError>> {
        async {
            let id = self.cluster.cluster_id().await;
            let id = id.map_err(TopicsError::of::<RuntimeError>(
                "the broker's metadata cannot be read",
            ))?;
            Ok(id.unwrap_or_else(|| "unknown".to_owned()))
        }
        .boxed()
    }
}
