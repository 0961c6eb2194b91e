//! A restarted producer on a real topic goes on after what it finds there.

use std::time::Duration;

use fish_producer::Config;
use pipeline::topics::{MACHINE_MEASUREMENT, MACHINE_WEIGHT};
use pipeline::{FromWire, Measurement, Weighing};
use rdkafka::producer::{FutureProducer, FutureRecord};
use service_runtime::CancellationToken;

use crate::broker::{LONG, broker, count, kafka, producer, records, run};
use crate::simulating::config;

/// Endless, at the clock's speed, a fish every 10 ms and ten of them between the two machines.
fn endless() -> Config {
    Config {
        repeat: true,
        start_time: None,
        interval: Duration::from_millis(10),
        weigh_delay: Duration::from_millis(100),
        ..config("salmon:3,walleye:2", 7)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_was_killed_goes_on_and_no_fish_is_missing_or_twice() {
    let broker = broker();
    let first = tokio::spawn(producer(&endless(), &broker).run(CancellationToken::new()));
    records(&broker, MACHINE_WEIGHT, 20).await;
    first.abort();
    assert!(first.await.expect_err("killed").is_cancelled());

    let left = count(&broker, MACHINE_MEASUREMENT);
    assert!(
        left > count(&broker, MACHINE_WEIGHT),
        "some are between the machines"
    );
    let shutdown = CancellationToken::new();
    let second = tokio::spawn(producer(&endless(), &broker).run(shutdown.clone()));
    let enough = usize::try_from(left).unwrap() + 30;
    records(&broker, MACHINE_WEIGHT, enough).await;
    shutdown.cancel();
    tokio::time::timeout(LONG, second)
        .await
        .expect("stops")
        .unwrap()
        .unwrap();

    let total = usize::try_from(count(&broker, MACHINE_MEASUREMENT)).unwrap();
    let mut measured: Vec<_> = records(&broker, MACHINE_MEASUREMENT, total)
        .await
        .iter()
        .map(|record| Measurement::from_wire(&record.value).unwrap())
        .collect();
    measured.sort_by_key(|fish| fish.fish_id.parse::<usize>().unwrap());
    let weighed_total = usize::try_from(count(&broker, MACHINE_WEIGHT)).unwrap();
    let mut weighed: Vec<_> = records(&broker, MACHINE_WEIGHT, weighed_total)
        .await
        .iter()
        .map(|record| Weighing::from_wire(&record.value).unwrap())
        .collect();
    weighed.sort_by_key(|fish| fish.fish_id.parse::<usize>().unwrap());

    // The seed is the same, so that these are the fish of a run without interruption.
    let config = Config {
        start_time: Some(measured[0].timestamp),
        ..endless()
    };
    let whole = fish_producer::Simulation::new(&config).unwrap();
    let planned: Vec<_> = whole.fish().take(total).collect();
    assert!(measured.is_sorted_by_key(|fish| fish.timestamp));
    for (n, fish) in planned.iter().enumerate() {
        let plan = fish.measurement();
        let found = Measurement {
            timestamp: plan.timestamp,
            ..measured[n].clone()
        };
        assert_eq!(found, plan);
    }
    for (n, fish) in weighed.iter().enumerate() {
        assert_eq!(
            (&fish.fish_id, fish.weight_kg),
            (&planned[n].id, planned[n].weight_kg)
        );
        assert_eq!(
            fish.timestamp,
            measured[n].timestamp.after(Duration::from_millis(100))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_plan_goes_on_after_the_ids_and_times_of_the_first() {
    let broker = broker();
    let plan = Config {
        start_time: None,
        speed: Some(1e6),
        ..config("salmon:40", 7)
    };
    run(producer(&plan, &broker)).await.unwrap();
    run(producer(&plan, &broker)).await.unwrap();
    let mut fish: Vec<_> = records(&broker, MACHINE_MEASUREMENT, 80)
        .await
        .iter()
        .map(|record| Measurement::from_wire(&record.value).unwrap())
        .collect();
    fish.sort_by_key(|fish| fish.fish_id.parse::<u32>().unwrap());
    let ids: Vec<_> = fish.iter().map(|fish| fish.fish_id.clone()).collect();
    assert_eq!(ids, (1..=80).map(|id| id.to_string()).collect::<Vec<_>>());
    assert!(fish[40].timestamp > fish[39].timestamp.after(Duration::from_secs(10)));
    assert_eq!(fish[40].length_cm, fish[0].length_cm);
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_records_on_the_topic_do_not_hinder_it() {
    let broker = broker();
    let stranger: FutureProducer = kafka(&broker).producer("stranger").create().unwrap();
    for (key, value) in [("41", "{not json"), ("42", "{}")] {
        let record = FutureRecord::to(MACHINE_MEASUREMENT)
            .key(key)
            .payload(value);
        stranger.send(record, LONG).await.unwrap();
    }
    let tombstone = FutureRecord::<str, str>::to(MACHINE_MEASUREMENT).key("43");
    stranger.send(tombstone, LONG).await.unwrap();
    let plan = Config {
        speed: Some(1e6),
        ..config("salmon:5", 7)
    };
    run(producer(&plan, &broker)).await.unwrap();
    assert_eq!(count(&broker, MACHINE_MEASUREMENT), 3 + 5);
    assert_eq!(count(&broker, MACHINE_WEIGHT), 5);
}
