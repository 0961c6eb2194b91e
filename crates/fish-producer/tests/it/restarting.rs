//! A restarted producer continues after the records on the topics.

use std::time::Duration;

use fish_producer::{Config, Simulation};
use pipeline::topics::{MACHINE_MEASUREMENT, MACHINE_WEIGHT};
use pipeline::{FromWire, Measurement, Weighing};
use rdkafka::producer::FutureRecord;
use service_runtime::CancellationToken;
use test_support::{Broker, within};

use crate::broker::{broker, producer, run};
use crate::simulating::config;

/// Endless, in real time: a fish every 10 ms, weighed 100 ms after its measurement.
fn endless() -> Config {
    Config {
        repeat: true,
        start_time: None,
        interval: Duration::from_millis(10),
        weigh_delay: Duration::from_millis(100),
        ..config("salmon:3,walleye:2", 7)
    }
}

/// All records of a topic, ordered by their numeric key.
async fn read_by_id<T: FromWire>(broker: &Broker, topic: &str, count: usize) -> Vec<T> {
    let mut records = broker.read(topic, count).await;
    records.sort_by_key(|record| record.key_text().parse::<usize>().unwrap());
    let values = records.iter().map(|record| record.value.as_ref().unwrap());
    values.map(|value| T::from_wire(value).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_no_fish_is_missing_or_repeated() {
    let broker = broker();
    let first = tokio::spawn(producer(&endless(), &broker).run(CancellationToken::new()));
    broker.read(MACHINE_WEIGHT, 20).await;
    first.abort();
    assert!(first.await.expect_err("killed").is_cancelled());

    let left = broker.count(MACHINE_MEASUREMENT);
    let weighed = broker.count(MACHINE_WEIGHT);
    assert!(left > weighed, "some fish are between the machines");
    let shutdown = CancellationToken::new();
    let second = tokio::spawn(producer(&endless(), &broker).run(shutdown.clone()));
    let enough = usize::try_from(left).unwrap() + 30;
    broker.read(MACHINE_WEIGHT, enough).await;
    shutdown.cancel();
    within("the producer stops", second).await.unwrap().unwrap();

    let measured: Vec<Measurement> = read_by_id(&broker, MACHINE_MEASUREMENT, enough).await;
    let weighed: Vec<Weighing> = read_by_id(&broker, MACHINE_WEIGHT, enough).await;
    // The seed is the same: these are the fish of a run without interruption.
    let config = Config {
        start_time: Some(measured[0].timestamp),
        ..endless()
    };
    let whole = Simulation::new(&config).unwrap();
    let planned: Vec<_> = whole.fish().take(measured.len()).collect();
    assert!(measured.is_sorted_by_key(|fish| fish.timestamp));
    for (planned, measured) in planned.iter().zip(&measured) {
        let expected = Measurement {
            timestamp: measured.timestamp,
            ..planned.measurement()
        };
        assert_eq!(*measured, expected);
    }
    for ((planned, measured), weighed) in planned.iter().zip(&measured).zip(&weighed) {
        let expected = Weighing {
            timestamp: measured.timestamp.after(Duration::from_millis(100)),
            ..planned.weighing()
        };
        assert_eq!(*weighed, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_plan_continues_the_ids_and_times_of_the_first() {
    let broker = broker();
    let plan = Config {
        start_time: None,
        speed: Some(1e6),
        ..config("salmon:40", 7)
    };
    run(producer(&plan, &broker)).await.unwrap();
    run(producer(&plan, &broker)).await.unwrap();
    let fish: Vec<Measurement> = read_by_id(&broker, MACHINE_MEASUREMENT, 80).await;
    let ids: Vec<_> = fish.iter().map(|fish| fish.fish_id.clone()).collect();
    assert_eq!(ids, (1..=80).map(|id| id.to_string()).collect::<Vec<_>>());
    assert!(fish[40].timestamp > fish[39].timestamp.after(Duration::from_secs(10)));
    assert_eq!(fish[40].length_cm, fish[0].length_cm);
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_records_on_the_topic_are_ignored() {
    let broker = broker();
    for (key, value) in [("41", "{not json"), ("42", "{}")] {
        let record = FutureRecord::to(MACHINE_MEASUREMENT);
        broker.send(record.key(key).payload(value)).await;
    }
    let tombstone = FutureRecord::<str, str>::to(MACHINE_MEASUREMENT).key("43");
    broker.send(tombstone).await;
    let plan = Config {
        speed: Some(1e6),
        ..config("salmon:5", 7)
    };
    run(producer(&plan, &broker)).await.unwrap();
    assert_eq!(broker.count(MACHINE_MEASUREMENT), 3 + 5);
    assert_eq!(broker.count(MACHINE_WEIGHT), 5);
}
