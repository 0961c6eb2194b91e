//! Records on the topics: all, once, with key and event time; or an error.

use std::collections::HashMap;
use std::time::Duration;

use fish_producer::{Config, FishProducer};
use kafka_io::KafkaSettings;
use pipeline::topics::{MACHINE_MEASUREMENT, MACHINE_WEIGHT};
use pipeline::{FromWire, Measurement, Weighing};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use service_runtime::{CancellationToken, Readiness, UsageError};

use crate::broker::{LONG, PARTITIONS, broker, count, kafka, producer, records, run};
use crate::simulating::config;

/// Waits until the producer says that it does not do its job, for a reason that contains `text`.
async fn not_ready(readiness: &Readiness, text: &str) {
    let mut again = tokio::time::interval(Duration::from_millis(2));
    let told = async {
        while !readiness.state().is_err_and(|reason| reason.contains(text)) {
            again.tick().await;
        }
    };
    tokio::time::timeout(LONG, told).await.expect(text);
}

/// A plan that takes no time to speak of.
fn fast(plan: &str) -> Config {
    Config {
        speed: Some(1e6),
        ..config(plan, 7)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fish_is_on_both_topics_with_its_key_its_event_time_and_the_same_partition() {
    let broker = broker();
    let producer = producer(&fast("salmon:200,walleye:150,char:50"), &broker);
    let planned: HashMap<_, _> = producer
        .simulation()
        .fish()
        .map(|fish| (fish.id.clone(), fish))
        .collect();
    let progress = producer.progress();
    run(producer).await.unwrap();

    assert_eq!((progress.measured(), progress.weighed()), (400, 400));
    assert_eq!(count(&broker, MACHINE_MEASUREMENT), 400);
    assert_eq!(count(&broker, MACHINE_WEIGHT), 400);
    let mut partition_of = HashMap::new();
    for record in records(&broker, MACHINE_MEASUREMENT, 400).await {
        let fish = Measurement::from_wire(&record.value).unwrap();
        assert_eq!(record.key, fish.fish_id);
        assert_eq!(record.timestamp, fish.timestamp.as_millis());
        assert_eq!(fish, planned[&record.key].measurement());
        assert!(partition_of.insert(record.key, record.partition).is_none());
    }
    for record in records(&broker, MACHINE_WEIGHT, 400).await {
        let fish = Weighing::from_wire(&record.value).unwrap();
        assert_eq!(record.key, fish.fish_id);
        assert_eq!(record.timestamp, fish.timestamp.as_millis());
        assert_eq!(fish, planned[&record.key].weighing());
        assert_eq!(
            partition_of.remove(&record.key),
            Some(record.partition),
            "{}",
            record.key
        );
    }
    assert!(partition_of.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stumbles_still_gets_every_record_once_and_in_order() {
    let broker = broker();
    let stumble = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    ];
    broker.request_errors(RDKafkaApiKey::Produce, &stumble);
    run(producer(&fast("salmon:100"), &broker)).await.unwrap();

    assert_eq!(count(&broker, MACHINE_MEASUREMENT), 100);
    let records = records(&broker, MACHINE_MEASUREMENT, 100).await;
    for partition in 0..PARTITIONS {
        let times = records
            .iter()
            .filter(|r| r.partition == partition)
            .map(|r| r.timestamp);
        assert!(times.is_sorted(), "partition {partition} is out of order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_kafka_refuses_ends_the_run_with_its_fish_and_topic() {
    let broker = broker();
    let refusal = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 10];
    broker.request_errors(RDKafkaApiKey::Produce, &refusal);
    let error = run(producer(&fast("salmon:3"), &broker))
        .await
        .expect_err("refused");
    let text = format!("{error:#}");
    assert!(text.starts_with("the record of fish "), "{text}");
    assert!(text.contains(" did not reach machine-"), "{text}");
    assert!(text.to_lowercase().contains("authorization"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_cannot_be_joined_are_refused() {
    let broker: crate::broker::Broker = rdkafka::mocking::MockCluster::new(1).unwrap();
    broker.create_topic(MACHINE_MEASUREMENT, 3, 1).unwrap();
    broker.create_topic(MACHINE_WEIGHT, 4, 1).unwrap();
    let error = run(producer(&fast("salmon:3"), &broker))
        .await
        .expect_err("refused");
    assert!(error.is::<UsageError>());
    assert!(
        error
            .to_string()
            .contains("has 3 partitions and machine-weight has 4"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_it_says_so_waits_and_can_be_stopped() {
    // Port 1 of loopback: nobody listens there.
    let nowhere = KafkaSettings::plain("127.0.0.1:1");
    let producer = FishProducer::bind(&fast("salmon:3"), &nowhere).unwrap();
    let (progress, readiness) = (producer.progress(), producer.readiness());
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(producer.run(shutdown.clone()));
    not_ready(&readiness, "127.0.0.1:1").await;
    shutdown.cancel();
    tokio::time::timeout(LONG, running)
        .await
        .expect("stops")
        .unwrap()
        .unwrap();
    assert_eq!(progress.measured(), 0);
}

#[tokio::test]
async fn kafka_properties_that_do_not_go_together_are_the_users_to_change() {
    let mut settings = kafka(&broker());
    // Longer than the longest pause.
    let pause = "reconnect.backoff.ms=20000".parse().unwrap();
    settings.kafka_properties.push(pause);
    let error = FishProducer::bind(&fast("salmon:3"), &settings).expect_err("refused");
    assert!(error.is::<UsageError>());
    assert!(error.to_string().contains("reconnect.backoff"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_kafka_does_not_answer_the_machines_stand_still_and_then_go_on() {
    let broker = broker();
    let plan = Config {
        speed: Some(2000.0),
        ..config("salmon:2000", 7)
    };
    let producer = producer(&plan, &broker);
    let (progress, readiness) = (producer.progress(), producer.readiness());
    let running = tokio::spawn(run(producer));
    records(&broker, MACHINE_MEASUREMENT, 1).await;
    broker
        .broker_round_trip_time(1, Duration::from_secs(5))
        .unwrap();
    not_ready(&readiness, "256 records wait for Kafka's acknowledgement").await;
    assert!(progress.measured() < 2000);
    broker.broker_round_trip_time(1, Duration::ZERO).unwrap();
    running.await.unwrap().unwrap();
    assert_eq!((progress.measured(), progress.weighed()), (2000, 2000));
    assert_eq!(readiness.state(), Ok(()));
}
