//! Every record is on its topic once, with key and event time, or the run fails.

use std::collections::HashMap;
use std::time::Duration;

use fish_producer::{Config, FishProducer};
use kafka_io::KafkaSettings;
use pipeline::topics::{MACHINE_MEASUREMENT, MACHINE_WEIGHT};
use pipeline::{FromWire, Measurement, Weighing};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use service_runtime::{CancellationToken, Readiness, UsageError};
use test_support::{Broker, eventually, within};

use crate::broker::{PARTITIONS, broker, kafka, producer, run};
use crate::simulating::config;

async fn not_ready_because(readiness: &Readiness, text: &str) {
    eventually(text, async || {
        readiness.state().is_err_and(|reason| reason.contains(text))
    })
    .await;
}

/// A plan that ends immediately.
fn fast(plan: &str) -> Config {
    Config {
        speed: Some(1e6),
        ..config(plan, 7)
    }
}

fn fail_produce_requests(broker: &Broker, errors: &'static [RDKafkaRespErr]) {
    broker.cluster(|cluster| cluster.request_errors(RDKafkaApiKey::Produce, errors));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fish_is_on_both_topics_in_the_same_partition() {
    let broker = broker();
    let producer = producer(&fast("salmon:200,walleye:150,char:50"), &broker);
    let fish = producer.simulation().fish();
    let planned: HashMap<_, _> = fish.map(|fish| (fish.id.clone(), fish)).collect();
    let progress = producer.progress();
    run(producer).await.unwrap();

    assert_eq!((progress.measured(), progress.actual()), (400, 400));
    let measurements = broker.read(MACHINE_MEASUREMENT, 400).await;
    let weighings = broker.read(MACHINE_WEIGHT, 400).await;
    assert_eq!((measurements.len(), weighings.len()), (400, 400));
    let mut partition_of = HashMap::new();
    for record in &measurements {
        let fish = Measurement::from_wire(record.value.as_ref().unwrap()).unwrap();
        assert_eq!(record.key_text(), fish.fish_id);
        assert_eq!(record.timestamp, Some(fish.timestamp.as_millis()));
        assert_eq!(fish, planned[record.key_text()].measurement());
        let repeated = partition_of.insert(record.key_text(), record.partition);
        assert_eq!(repeated, None);
    }
    for record in &weighings {
        let fish = Weighing::from_wire(record.value.as_ref().unwrap()).unwrap();
        assert_eq!(record.key_text(), fish.fish_id);
        assert_eq!(record.timestamp, Some(fish.timestamp.as_millis()));
        assert_eq!(fish, planned[record.key_text()].weighing());
        let partition = partition_of.remove(record.key_text());
        assert_eq!(partition, Some(record.partition), "{record:?}");
    }
    assert!(partition_of.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_errors_cause_no_repeats_and_keep_the_order() {
    let broker = broker();
    fail_produce_requests(
        &broker,
        &[
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        ],
    );
    run(producer(&fast("salmon:100"), &broker)).await.unwrap();

    let records = broker.read(MACHINE_MEASUREMENT, 100).await;
    assert_eq!(records.len(), 100);
    for partition in 0..PARTITIONS {
        let of_partition = records.iter().filter(|r| r.partition == partition);
        let times = of_partition.map(|r| r.timestamp);
        assert!(times.is_sorted(), "partition {partition} is out of order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_record_ends_the_run_and_is_named() {
    let broker = broker();
    fail_produce_requests(
        &broker,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 10],
    );
    let error = run(producer(&fast("salmon:3"), &broker))
        .await
        .expect_err("rejected");
    let text = format!("{error:#}");
    assert!(text.starts_with("the record with the key "), "{text}");
    assert!(text.contains(" did not reach machine-"), "{text}");
    assert!(
        text.contains("the operation Write on topic `machine-"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_cannot_be_joined_are_rejected() {
    let broker = Broker::with_topics(3, [MACHINE_MEASUREMENT]);
    broker.create_topic(MACHINE_WEIGHT, 4);
    let error = run(producer(&fast("salmon:3"), &broker))
        .await
        .expect_err("rejected");
    assert!(error.is::<UsageError>());
    let text = error.to_string();
    assert!(
        text.contains("has 3 partitions and machine-weight has 4"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_it_waits_and_can_be_stopped() {
    // Nothing listens on port 1.
    let unreachable = KafkaSettings::plain("127.0.0.1:1");
    let producer = FishProducer::bind(&fast("salmon:3"), &unreachable).unwrap();
    let (progress, readiness) = (producer.progress(), producer.readiness());
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(producer.run(shutdown.clone()));
    not_ready_because(&readiness, "127.0.0.1:1").await;
    shutdown.cancel();
    within("the producer stops", running)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(progress.measured(), 0);
}

#[tokio::test]
async fn contradictory_kafka_properties_are_a_usage_error() {
    let mut settings = kafka(&broker());
    // Longer than reconnect.backoff.max.ms.
    let pause = "reconnect.backoff.ms=20000".parse().unwrap();
    settings.kafka_properties.push(pause);
    let error = FishProducer::bind(&fast("salmon:3"), &settings).expect_err("rejected");
    assert!(error.is::<UsageError>());
    assert!(error.to_string().contains("reconnect.backoff"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_pauses_while_kafka_hangs_and_then_continues() {
    let broker = broker();
    let plan = Config {
        speed: Some(2000.0),
        ..config("salmon:2000", 7)
    };
    let producer = producer(&plan, &broker);
    let (progress, readiness) = (producer.progress(), producer.readiness());
    let running = tokio::spawn(run(producer));
    broker.read(MACHINE_MEASUREMENT, 1).await;
    broker.slow_down(Duration::from_secs(3));
    not_ready_because(&readiness, "1000 records wait for Kafka's acknowledgement").await;
    assert!(progress.measured() < 2000);
    broker.slow_down(Duration::ZERO);
    running.await.unwrap().unwrap();
    assert_eq!((progress.measured(), progress.actual()), (2000, 2000));
    assert_eq!(readiness.state(), Ok(()));
}
