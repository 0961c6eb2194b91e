//! A Kafka broker inside this process: librdkafka's in-process cluster.
//!
//! It speaks the real protocol on loopback and keeps everything in memory. Its limits (5 MiB or
//! 100,000 batches a partition, no admin calls, nothing kept across a restart) are why the embedded
//! mode is for trying out, developing and testing.

use anyhow::Context;
use kafka_io::KafkaSettings;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

/// The embedded broker; it ends when this value is dropped.
///
/// Not `Send`: it stays in the future that the process's main thread runs.
pub(super) struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedBroker {
    /// Starts a broker with these topics, each with `partitions` partitions.
    ///
    /// # Errors
    /// Where librdkafka cannot start its cluster or create a topic.
    pub(super) fn start<'a>(
        topics: impl IntoIterator<Item = &'a str>,
        partitions: i32,
    ) -> anyhow::Result<Self> {
        let cluster = MockCluster::new(1).context("the embedded broker does not start")?;
        for topic in topics {
            cluster
                .create_topic(topic, partitions, 1)
                .with_context(|| format!("topic {topic} cannot be created"))?;
        }
        Ok(Self { cluster })
    }

    /// How clients reach it.
    pub(super) fn settings(&self) -> KafkaSettings {
        KafkaSettings::plain(self.cluster.bootstrap_servers())
    }
}
