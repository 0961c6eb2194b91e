//! The join looks for a fish in one partition number: that is the same on each topic.

use std::collections::BTreeSet;

use fish_producer::FishProducer;
use kafka_io::KafkaSettings;
use ksql_engine::execute::murmur2::partition_of;
use model_server::{ModelServer, StoreAddress};
use pipeline::topics::{MACHINE_MEASUREMENT, MACHINE_WEIGHT, WEIGHT_PREDICTION, dead_letters_of};
use predictor::Predictor;
use rdkafka::Message;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::mocking::MockCluster;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use service_runtime::{CancellationToken, Tasks};
use tokio::time::timeout;

use crate::harness::{LIMIT, fish};

const FISH: usize = 1_000;
const PARTITIONS: i32 = 6;

/// Key and partition of every fish on `topic`; waits for all of them.
async fn places(kafka: &KafkaSettings, topic: &str) -> BTreeSet<(String, i32)> {
    let consumer: StreamConsumer = kafka.assigning_consumer("test").create().unwrap();
    let mut from = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        from.add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&from).unwrap();
    let mut places = BTreeSet::new();
    while places.len() < FISH {
        let record = timeout(LIMIT, consumer.recv()).await;
        let record = record.unwrap_or_else(|_| panic!("{} fish on {topic}", places.len()));
        let record = record.unwrap();
        let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
        places.insert((key, record.partition()));
    }
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn measurement_prediction_and_weight_of_a_fish_are_where_javas_clients_would_put_them() {
    let broker = MockCluster::new(1).unwrap();
    let topics = [MACHINE_MEASUREMENT, WEIGHT_PREDICTION, MACHINE_WEIGHT];
    for topic in topics {
        broker.create_topic(topic, PARTITIONS, 1).unwrap();
    }
    // The predictor waits until it is there.
    broker
        .create_topic(&dead_letters_of(MACHINE_MEASUREMENT), 1, 1)
        .unwrap();
    let kafka = KafkaSettings::plain(broker.bootstrap_servers());
    let data = tempfile::tempdir().unwrap();
    let config = model_server::Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        store: StoreAddress::Sqlite(data.path().join("models.sqlite")),
        ..model_server::Config::default()
    };
    let model = ModelServer::bind(config).await.unwrap();
    let url = format!("http://127.0.0.1:{}", model.port());
    let config = predictor::Config::new(kafka.clone(), url);
    let predictor = Predictor::bind(config).await.unwrap();
    let machines = fish_producer::Config {
        speed: Some(1e6),
        ..fish(&format!("salmon:{FISH}"), 1)
    };
    let machines = FishProducer::bind(&machines, &kafka).unwrap();

    let mut tasks = Tasks::new(CancellationToken::new());
    let stop = tasks.shutdown();
    tasks.spawn("model server", model.run(stop.clone()));
    tasks.spawn("predictor", predictor.run(stop.clone()));
    timeout(LIMIT, machines.run(stop.clone()))
        .await
        .expect("the plan ends")
        .unwrap();

    let expected: BTreeSet<_> = (1..=FISH)
        .map(|id| id.to_string())
        .map(|id| {
            (
                id.clone(),
                partition_of(id.as_bytes(), PARTITIONS as u32) as i32,
            )
        })
        .collect();
    for topic in topics {
        assert_eq!(places(&kafka, topic).await, expected, "{topic}");
    }
    stop.cancel();
    timeout(LIMIT, tasks.join())
        .await
        .expect("all parts end")
        .expect("none fails");
}
