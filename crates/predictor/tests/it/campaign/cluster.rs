//! The broker that the environment names, with topics of each scenario's own.

use std::time::Duration;

use kafka_io::KafkaSettings;
use rand::RngExt;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::FromClientConfig;

pub const PARTITIONS: i32 = 6;

pub struct Cluster {
    pub kafka: KafkaSettings,
    pub input: String,
    pub output: String,
    pub dead_letters: String,
    pub group: String,
}

impl Cluster {
    /// New topics whose names begin with `name`.
    pub async fn with_topics(name: &str) -> Self {
        let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS")
            .expect("KAFKA_BOOTSTRAP_SERVERS names the broker that the campaign runs on");
        let name = format!("{name}-{:08x}", rand::rng().random::<u32>());
        let cluster = Self {
            kafka: KafkaSettings::plain(servers),
            input: format!("{name}-in"),
            output: format!("{name}-out"),
            dead_letters: format!("{name}-in-dlq"),
            group: name,
        };
        let admin: AdminClient<DefaultClientContext> =
            AdminClient::from_config(&cluster.kafka.assigning_consumer("campaign")).unwrap();
        let topics = [&cluster.input, &cluster.output, &cluster.dead_letters]
            .map(|topic| NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1)));
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)));
        for created in admin.create_topics(&topics, &options).await.unwrap() {
            created.unwrap();
        }
        cluster
    }
}
