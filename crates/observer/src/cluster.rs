//! A Kafka cluster seen from outside: its brokers, and how far consumer groups are behind.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use kafka_io::KafkaSettings;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::Offset;

/// How long the cluster may take to answer what is asked of it, for each group.
const ANSWER: Duration = Duration::from_secs(2);

/// A consumer group and the topic that it reads; `GROUP:TOPIC` as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTopic {
    /// The group's id.
    pub group: String,
    /// The topic.
    pub topic: String,
}

/// A text that is no [`GroupTopic`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form GROUP:TOPIC")]
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

/// How far a group is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The group and its topic.
    pub of: GroupTopic,
    /// By how much.
    pub records: Behind,
}

/// How many records of its topic a group has not committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behind {
    /// So many.
    Records(u64),
    /// It has committed nothing, as a group that does not exist.
    NothingCommitted,
    /// Kafka does not tell, for this reason.
    Unknown(String),
}

/// A cluster and the groups of interest; clones share the clients.
#[derive(Clone)]
pub struct Cluster {
    any: Arc<BaseConsumer>,
    groups: Vec<(GroupTopic, Arc<BaseConsumer>)>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let groups = self.groups.iter().map(|(of, _)| of);
        f.debug_list().entries(groups).finish()
    }
}

impl Cluster {
    /// Makes a client for each group, which looks and never joins.
    ///
    /// # Errors
    /// Where a client cannot be made from the settings.
    pub fn new(kafka: &KafkaSettings, groups: &[GroupTopic]) -> anyhow::Result<Self> {
        let client = |group: &str| -> anyhow::Result<Arc<BaseConsumer>> {
            let mut config = kafka.assigning_consumer("catchweight-observer");
            config.set("group.id", group);
            let client = config.create().context("a Kafka client cannot be made")?;
            Ok(Arc::new(client))
        };
        let groups = groups
            .iter()
            .map(|of| Ok((of.clone(), client(&of.group)?)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            any: client("catchweight-observer")?,
            groups,
        })
    }

    /// How many brokers the cluster has: whether Kafka answers.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn brokers(&self) -> anyhow::Result<usize> {
        let client = Arc::clone(&self.any);
        let asking = tokio::task::spawn_blocking(move || {
            let metadata = client.fetch_metadata(None, ANSWER)?;
            client.poll(Duration::ZERO);
            Ok::<_, KafkaError>(metadata.brokers().len())
        });
        Ok(asking.await??)
    }

    /// How far the groups are behind, in the order in which they were named, each asked by itself:
    /// what Kafka does not tell of one keeps nobody from knowing the others.
    pub async fn lags(&self) -> Vec<Lag> {
        let asking = self.groups.iter().map(|(of, client)| {
            let (topic, client) = (of.topic.clone(), Arc::clone(client));
            tokio::task::spawn_blocking(move || behind(&client, &topic))
        });
        // All are asked at once.
        let asking: Vec<_> = asking.collect();
        let mut lags = Vec::new();
        for ((of, _), asked) in self.groups.iter().zip(asking) {
            let records = match asked.await {
                Ok(Ok(records)) => records,
                Ok(Err(error)) => Behind::Unknown(error.to_string()),
                Err(panic) => Behind::Unknown(panic.to_string()),
            };
            lags.push(Lag {
                of: of.clone(),
                records,
            });
        }
        lags
    }
}

/// The records that a client's group has not committed. It answers within [`ANSWER`] or fails.
fn behind(client: &BaseConsumer, topic: &str) -> KafkaResult<Behind> {
    let deadline = Instant::now() + ANSWER;
    let left = || deadline.saturating_duration_since(Instant::now());
    // Serves the client's own events; it has no partitions, so that no record comes.
    client.poll(Duration::ZERO);
    let metadata = client.fetch_metadata(Some(topic), left())?;
    let partitions = metadata.topics().iter().flat_map(|one| one.partitions());
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        asked.add_partition(topic, partition.id());
    }
    if asked.count() == 0 {
        return Ok(Behind::NothingCommitted);
    }
    let committed = client.committed_offsets(asked, left())?;
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
            // Nothing of this partition was committed: all of it is to come.
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
    async fn a_group_whose_coordinator_is_away_is_not_known_and_all_else_is() {
        let broker = MockCluster::new(2).expect("a cluster");
        broker.create_topic("t", 1, 1).expect("a topic");
        broker.partition_leader("t", 0, Some(1)).expect("a leader");
        for (group, at) in [("here", 1), ("away", 2)] {
            let group = MockCoordinator::Group(group.to_owned());
            broker.coordinator(group, at).expect("a coordinator");
        }
        broker.broker_down(2).expect("it is down");
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
    fn a_group_and_its_topic_are_one_setting() {
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
