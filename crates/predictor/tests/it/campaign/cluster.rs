//! The broker that the environment names, with topics for each scenario.

use kafka_io::KafkaSettings;
use test_support::{Broker, scratch_name};

pub const PARTITIONS: i32 = 6;

pub struct Cluster {
    pub broker: Broker,
    pub kafka: KafkaSettings,
    pub input: String,
    pub output: String,
    pub dead_letters: String,
    pub group: String,
}

impl Cluster {
    /// New topics whose names begin with `name`.
    pub fn with_topics(name: &str) -> Self {
        let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS")
            .expect("KAFKA_BOOTSTRAP_SERVERS names the broker for the campaign");
        let name = scratch_name(name);
        let cluster = Self {
            broker: Broker::external(&servers),
            kafka: KafkaSettings::plain(servers),
            input: format!("{name}-in"),
            output: format!("{name}-out"),
            dead_letters: format!("{name}-in-dlq"),
            group: name,
        };
        for topic in [&cluster.input, &cluster.output, &cluster.dead_letters] {
            cluster.broker.create_topic(topic, PARTITIONS);
        }
        cluster
    }
}
