//! The brokers of a Kafka cluster, and the lag of consumer groups.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use kafka_io::KafkaSettings;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;

use crate::observer::CLIENT_ID;

/// The timeout for a query about the brokers or about one group.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A consumer group and the topic it reads; as text `GROUP:TOPIC`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTopic {
    /// The group's id.
    pub group: String,
    /// The topic.
    pub topic: String,
}

/// The text is not a [`GroupTopic`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected GROUP:TOPIC, got `{0}`")]
pub struct GroupTopicError(String);

impl FromStr for GroupTopic {
    type Err = GroupTopicError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.rsplit_once(':') {
            Some((group, topic)) if !group.is_empty() && !topic.is_empty() => Ok(Self {
                group: group.to_owned(),
                topic: topic.to_owned(),
            }),
            _ => Err(GroupTopicError(text.to_owned())),
        }
    }
}

/// The lag of a consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The group and its topic.
    pub of: GroupTopic,
    /// How many records it is behind.
    pub records: Behind,
}

/// The number of records of its topic that a group has not committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behind {
    /// The number is known.
    Records(u64),
    /// The group has committed nothing, or does not exist.
    NothingCommitted,
    /// Kafka did not answer, for this reason.
    Unknown(String),
}

/// A client for a cluster and the consumer groups of interest; clones share the connections.
#[derive(Clone)]
pub struct Cluster {
    any: Arc<BaseConsumer>,
    groups: Vec<(GroupTopic, Arc<BaseConsumer>)>,
    kafka: KafkaSettings,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let groups = self.groups.iter().map(|(of, _)| of);
        f.debug_list().entries(groups).finish()
    }
}

impl Cluster {
    /// Creates a client for each group. It reads the group's offsets and never joins the group.
    ///
    /// # Errors
    /// If a client cannot be created from the settings.
    pub fn new(kafka: &KafkaSettings, groups: &[GroupTopic]) -> anyhow::Result<Self> {
        let client = |group: &str| -> anyhow::Result<Arc<BaseConsumer>> {
            let mut config = kafka.assigning_consumer(CLIENT_ID);
            config.set("group.id", group);
            let client = config.create().context("cannot create a Kafka client")?;
            Ok(Arc::new(client))
        };
        let groups = groups
            .iter()
            .map(|of| Ok((of.clone(), client(&of.group)?)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            any: client(CLIENT_ID)?,
            groups,
            kafka: kafka.clone(),
        })
    }

    /// The number of brokers.
    ///
    /// # Errors
    /// If no broker answers within two seconds.
    pub async fn brokers(&self) -> anyhow::Result<usize> {
        let client = Arc::clone(&self.any);
        let query = tokio::task::spawn_blocking(move || {
            let metadata = client.fetch_metadata(None, TIMEOUT)?;
            client.poll(Duration::ZERO);
            Ok::<_, KafkaError>(metadata.brokers().len())
        });
        Ok(query.await??)
    }

    /// The lag of each group, in the order of [`Self::new`]. The groups are queried separately, so an
    /// error of one does not affect the others.
    pub async fn lags(&self) -> Vec<Lag> {
        let queries = self.groups.iter().map(|(of, client)| {
            let (topic, client) = (of.topic.clone(), Arc::clone(client));
            tokio::task::spawn_blocking(move || behind(&client, &topic))
        });
        // Starts all queries before awaiting the first.
        let queries: Vec<_> = queries.collect();
        let mut lags = Vec::new();
        for ((of, _), query) in self.groups.iter().zip(queries) {
            let records = match query.await {
                Ok(Ok(records)) => records,
                Ok(Err(error)) => Behind::Unknown(self.explain(&error, of)),
                Err(panic) => Behind::Unknown(panic.to_string()),
            };
            lags.push(Lag {
                of: of.clone(),
                records,
            });
        }
        lags
    }

    fn explain(&self, error: &KafkaError, of: &GroupTopic) -> String {
        let resource = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => format!("topic `{}`", of.topic),
            _ => format!("group `{}`", of.group),
        };
        self.kafka.explain(error, "Describe", &resource)
    }
}

/// The lag of the client's group, within [`TIMEOUT`].
fn behind(client: &BaseConsumer, topic: &str) -> KafkaResult<Behind> {
    let deadline = Instant::now() + TIMEOUT;
    let left = || deadline.saturating_duration_since(Instant::now());
    // Serves the client's events. It has no partitions, so this returns no record.
    client.poll(Duration::ZERO);
    let metadata = client.fetch_metadata(Some(topic), left())?;
    let partitions = metadata.topics().iter().flat_map(|one| one.partitions());
    let mut query = TopicPartitionList::new();
    for partition in partitions {
        query.add_partition(topic, partition.id());
    }
    if query.count() == 0 {
        return Ok(Behind::NothingCommitted);
    }
    let committed = client.committed_offsets(query, left())?;
    let known = |offset| matches!(offset, Offset::Offset(_));
    if !committed
        .elements()
        .iter()
        .any(|element| known(element.offset()))
    {
        return Ok(Behind::NothingCommitted);
    }
    let mut behind = 0;
    for element in committed.elements() {
        element.error()?;
        let (low, high) = client.fetch_watermarks(topic, element.partition(), left())?;
        let next = match element.offset() {
            Offset::Offset(next) => next.max(low),
            // Nothing of this partition is committed yet.
            _ => low,
        };
        behind += u64::try_from(high - next).unwrap_or_default();
    }
    Ok(Behind::Records(behind))
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::{MockCluster, MockCoordinator};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_group_without_a_coordinator_does_not_hide_the_others() {
        let broker = MockCluster::new(2).expect("a cluster");
        broker.create_topic("t", 1, 1).expect("a topic");
        broker.partition_leader("t", 0, Some(1)).expect("a leader");
        for (group, at) in [("here", 1), ("away", 2)] {
            let group = MockCoordinator::Group(group.to_owned());
            broker.coordinator(group, at).expect("a coordinator");
        }
        broker.broker_down(2).expect("the broker goes down");
        let kafka = KafkaSettings::plain(broker.bootstrap_servers());
        let groups = ["away:t", "here:t"].map(|of| of.parse().expect("a group"));
        let cluster = Cluster::new(&kafka, &groups).expect("clients");
        assert!(cluster.brokers().await.is_ok(), "Kafka answers");
        let lags: Vec<_> = cluster
            .lags()
            .await
            .into_iter()
            .map(|lag| lag.records)
            .collect();
        assert!(matches!(lags[0], Behind::Unknown(_)), "{lags:?}");
        assert_eq!(lags[1], Behind::NothingCommitted);
    }

    #[test]
    fn a_group_and_its_topic_are_read_from_one_text() {
        let of: GroupTopic = "connect-WeightData:weight-diff"
            .parse()
            .expect("both parts");
        assert_eq!(
            (of.group.as_str(), of.topic.as_str()),
            ("connect-WeightData", "weight-diff")
        );
        for text in ["weight-diff", ":weight-diff", "group:"] {
            assert!(text.parse::<GroupTopic>().is_err(), "{text}");
        }
    }
}
