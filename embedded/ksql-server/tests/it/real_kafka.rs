//! Creating and deleting topics with their settings on a real broker. With the feature
//! `kafka-tests`; needs `KAFKA_BOOTSTRAP_SERVERS`.

use std::time::{SystemTime, UNIX_EPOCH};

use kafka_io::KafkaSettings;
use ksql_engine::kafka::{Options, Runtime};
use ksql_server::{KafkaTopics, TopicSpec, Topics};

use test_support::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_created_with_its_settings_and_deleted() {
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS").unwrap();
    let runtime = Runtime::start(KafkaSettings::plain(servers), Options::default());
    let topics = KafkaTopics::of(&runtime.await.unwrap()).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let name = format!("ksql-engine-{}", now.as_nanos());
    let spec = TopicSpec {
        name: name.clone(),
        partitions: 6,
        replicas: None,
        retention_ms: Some(3_600_000),
        cleanup_policy: "compact,delete",
    };
    topics.create(spec.clone()).await.unwrap();
    // An existing topic is not an error.
    topics.create(spec).await.unwrap();
    let listed = topics.list().await.unwrap();
    let made = listed.iter().find(|topic| topic.name == name).unwrap();
    assert_eq!(made.partitions(), 6);
    assert_eq!(topics.retentions_ms(&[&name]).await.unwrap(), [3_600_000]);
    topics.delete(&name).await.unwrap();
    let names = || async {
        topics
            .list()
            .await
            .unwrap()
            .into_iter()
            .map(|topic| topic.name)
    };
    eventually("the topic is gone", || async {
        names().await.all(|one| one != name)
    })
    .await;
}
