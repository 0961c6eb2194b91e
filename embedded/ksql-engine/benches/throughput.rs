//! Speed and memory of the shipped pipeline:
//! `cargo bench -p ksql-engine -- [joined rows]`, 5 million by default. Without Kafka.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

use std::time::{Duration, Instant};

use ksql_engine::catalog::Catalog;
use ksql_engine::engine::{Engine, Input};

const PIPELINE: &str = include_str!("../../../ksql/pipeline.sql");
/// A fish every two seconds, weighed ten seconds later.
const EVERY_MS: i64 = 2_000;
const WEIGHED_AFTER_MS: i64 = 10_000;

fn main() {
    // Cargo passes `--bench`.
    let rows = std::env::args().skip(1).find_map(|arg| arg.parse().ok());
    let rows: i64 = rows.unwrap_or(5_000_000);
    let mut engine = Engine::new(Catalog::assuming(1));
    engine.execute(PIPELINE).expect("the shipped pipeline");
    let (mut joined, mut triggers) = (0_i64, 0_i64);
    let mut busy = Duration::ZERO;
    let tenth = (rows / 10).max(1);
    let lag = WEIGHED_AFTER_MS / EVERY_MS;
    let mut fish = 0;
    while fish < rows + lag {
        // Do not measure the creation of records.
        let until = (fish + 10_000).min(rows + lag);
        let records: Vec<Input> = (fish..until)
            .flat_map(|fish| records(fish, rows, lag))
            .collect();
        let start = Instant::now();
        for record in records {
            for output in engine.process(record).records {
                if &*output.topic == "weight-diff" {
                    joined += 1;
                } else {
                    triggers += 1;
                }
            }
        }
        busy += start.elapsed();
        if until / tenth != fish / tenth {
            println!("{until:>9} fish  {:>4} MiB at most", peak_mib());
        }
        fish = until;
    }
    let seconds = busy.as_secs_f64();
    println!(
        "{joined} joined rows and {triggers} triggers in {seconds:.1} s: {:.0} joined rows/s, peak memory {} MiB",
        joined as f64 / seconds,
        peak_mib()
    );
    assert_eq!(joined, rows, "every fish is joined once");
}

/// The records that are due when this fish is measured.
fn records(fish: i64, rows: i64, lag: i64) -> impl Iterator<Item = Input> {
    let time = 1_700_000_000_000 + fish * EVERY_MS;
    // The predictions for every other thousand fish are off by a fifth.
    let predicted = if fish / 1_000 % 2 == 0 { 4.1 } else { 3.2 };
    let measured = (fish < rows).then(|| prediction(fish, time, predicted));
    let weighed = (fish >= lag).then(|| weight(fish - lag, time));
    measured.into_iter().chain(weighed)
}

fn prediction(fish: i64, time: i64, weight: f64) -> Input {
    let value = format!(
        r#"{{"Fish_Id":"{fish}","Species":"salmon","Length":86.37,"Height":18.74,"Timestamp":"2021-06-09T13:39:27.971Z","Prediction":{{"Weight":{weight},"ModelTime":"2021-06-02 07:48:52","ModelVersion":"0123456789ab"}}}}"#
    );
    input("weight-prediction", fish, value, time)
}

fn weight(fish: i64, time: i64) -> Input {
    let value = format!(
        r#"{{"Fish_Id":"{fish}","Species":"salmon","Weight":4.0,"Timestamp":"2021-06-09T13:39:37.971Z"}}"#
    );
    input("machine-weight", fish, value, time)
}

fn input(topic: &str, fish: i64, value: String, timestamp: i64) -> Input {
    Input {
        topic: topic.to_owned(),
        key: Some(fish.to_string().into_bytes()),
        value: Some(value.into_bytes()),
        timestamp,
        ..Input::default()
    }
}

/// The peak resident memory of the process, if the system reports it.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
