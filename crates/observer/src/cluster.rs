//! A Kafka cluster seen from outside: its brokers, and how far consumer groups are behind.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kafka_io::KafkaSettings;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset;

/// How long one answer of the cluster may take.
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
    /// Records on the topic that the group has not committed; none where it has committed nothing,
    /// as a group that does not exist.
    pub records: Option<u64>,
}

/// What a look at the cluster tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// How many brokers the cluster has.
    pub brokers: usize,
    /// The groups, in the order in which they were named.
    pub lags: Vec<Lag>,
}

/// A cluster and the groups of interest; clones share the clients.
#[derive(Clone)]
pub struct Cluster {
    any: Arc<BaseConsumer>,
    groups: Arc<Vec<(GroupTopic, BaseConsumer)>>,
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
        let client = |group: &str| -> anyhow::Result<BaseConsumer> {
            let mut config = kafka.assigning_consumer("catchweight-observer");
            config.set("group.id", group);
            config.create().context("a Kafka client cannot be made")
        };
        let groups = groups
            .iter()
            .map(|of| Ok((of.clone(), client(&of.group)?)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            any: Arc::new(client("catchweight-observer")?),
            groups: Arc::new(groups),
        })
    }

    /// Asks the cluster.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn look(&self) -> anyhow::Result<Look> {
        let cluster = self.clone();
        let looking = tokio::task::spawn_blocking(move || cluster.look_now());
        Ok(looking.await??)
    }

    fn look_now(&self) -> KafkaResult<Look> {
        let metadata = self.any.fetch_metadata(None, ANSWER)?;
        let mut lags = Vec::new();
        for (of, client) in self.groups.iter() {
            // Serves the client's own events; it has no partitions, so that no record comes.
            client.poll(Duration::ZERO);
            let topic = metadata
                .topics()
                .iter()
                .find(|topic| topic.name() == of.topic);
            let partitions = topic.map_or(0, |topic| topic.partitions().len());
            lags.push(Lag {
                of: of.clone(),
                records: lag(client, &of.topic, partitions)?,
            });
        }
        self.any.poll(Duration::ZERO);
        Ok(Look {
            brokers: metadata.brokers().len(),
            lags,
        })
    }
}

/// The records that a client's group has not committed.
fn lag(client: &BaseConsumer, topic: &str, partitions: usize) -> KafkaResult<Option<u64>> {
    if partitions == 0 {
        return Ok(None);
    }
    let mut asked = TopicPartitionList::new();
    for partition in 0..partitions {
        asked.add_partition(topic, i32::try_from(partition).unwrap_or(i32::MAX));
    }
    let committed = client.committed_offsets(asked, ANSWER)?;
    let known = |offset| matches!(offset, Offset::Offset(_));
    if !committed
        .elements()
        .iter()
        .any(|element| known(element.offset()))
    {
        return Ok(None);
    }
    let mut behind = 0;
    for element in committed.elements() {
        let (low, high) = client.fetch_watermarks(topic, element.partition(), ANSWER)?;
        let next = match element.offset() {
            Offset::Offset(next) => next.max(low),
            // Nothing of this partition was committed: all of it is to come.
            _ => low,
        };
        behind += u64::try_from(high - next).unwrap_or_default();
    }
    Ok(Some(behind))
}

#[cfg(test)]
mod tests {
    use super::*;

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
