//! The records of a fish are on the same partition number of each topic: the join relies on it.

use std::collections::BTreeSet;

use fish_producer::FishProducer;
use ksql_engine::execute::partition_of;
use model_server::ModelServer;
use model_store::StoreAddress;
use pipeline::Definition;
use pipeline::topics::{MACHINE_MEASUREMENT, MACHINE_WEIGHT, WEIGHT_PREDICTION, dead_letters_of};
use predictor::Predictor;
use service_runtime::{CancellationToken, Tasks};
use test_support::{Broker, within};

use crate::harness::fish;

const FISH: usize = 1_000;
const PARTITIONS: i32 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn all_records_of_a_fish_are_on_the_partition_of_java_clients() {
    let topics = [MACHINE_MEASUREMENT, WEIGHT_PREDICTION, MACHINE_WEIGHT];
    let broker = Broker::with_topics(PARTITIONS, topics);
    // The predictor waits until its dead-letter topic exists.
    broker.create_topic(&dead_letters_of(MACHINE_MEASUREMENT), 1);
    let kafka = broker.settings();
    let data = tempfile::tempdir().unwrap();
    let config = model_server::Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        store: StoreAddress::Sqlite(data.path().join("models.sqlite")),
        ..model_server::Config::default()
    };
    let model = ModelServer::bind(config).await.unwrap();
    let url = format!("http://127.0.0.1:{}", model.port());
    let config = predictor::Config::new(Definition::shipped(), kafka.clone(), url);
    let predictor = Predictor::bind(config).await.unwrap();
    let producer = fish_producer::Config {
        speed: Some(1e6),
        ..fish(&format!("salmon:{FISH}"), 1)
    };
    let producer = FishProducer::bind(&producer, &kafka).unwrap();

    let mut tasks = Tasks::new(CancellationToken::new());
    let stop = tasks.shutdown();
    tasks.spawn("model server", model.run(stop.clone()));
    tasks.spawn("predictor", predictor.run(stop.clone()));
    within("the plan ends", producer.run(stop.clone()))
        .await
        .unwrap();

    let expected: BTreeSet<_> = (1..=FISH)
        .map(|id| id.to_string())
        .map(|id| {
            let partition = partition_of(id.as_bytes(), PARTITIONS as u32);
            (id, partition as i32)
        })
        .collect();
    for topic in topics {
        let records = broker.read(topic, FISH).await;
        let records = records.iter();
        let places: BTreeSet<_> = records
            .map(|one| (one.key_text().to_owned(), one.partition))
            .collect();
        assert_eq!(places, expected, "{topic}");
    }
    stop.cancel();
    within("all parts end", tasks.join())
        .await
        .expect("no part fails");
}
