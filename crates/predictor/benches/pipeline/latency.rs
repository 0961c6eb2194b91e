//! Wall clock time from sending a record (in a header) to reading its result: of the bare copy, which is
//! the share of broker, clients and machine, and of the predictor.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::kafka;
use crate::process::Process;
use crate::topic::{Filler, PARTITIONS, create};

const PER_SECOND: u64 = 1_000;
const SECONDS: u64 = 30;
/// Not counted: connecting and the first assignment.
const WARM_UP: u64 = 5;

pub fn run() {
    let (_model, url) = Process::model(0);
    let records = (PER_SECOND * (WARM_UP + SECONDS)).to_string();
    println!("latency: {SECONDS} s at {PER_SECOND} records per second");
    measure("(a) bare copy", |input, output| {
        Process::this(&["copy", input, output, &records])
    });
    measure("(b) predictor", |input, output| {
        Process::predictor(input, output, &url, &[])
    });
}

fn measure(name: &str, start: impl FnOnce(&str, &str) -> Process) {
    let (input, output) = create("latency");
    let _process = start(&input, &output);
    let consumer: BaseConsumer =
        BaseConsumer::from_config(&kafka().assigning_consumer("bench-latency")).unwrap();
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment
            .add_partition_offset(&output, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let sending = std::thread::spawn(move || {
        let filler = Filler::new();
        let start = Instant::now();
        for number in 0..PER_SECOND * (WARM_UP + SECONDS) {
            let due = start + Duration::from_nanos(number * 1_000_000_000 / PER_SECOND);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            filler.send(&input, number, Some(micros()));
        }
        filler.flush();
    });
    let all = usize::try_from(PER_SECOND * (WARM_UP + SECONDS)).unwrap();
    let mut latencies = Vec::with_capacity(all);
    while latencies.len() < all {
        let Some(message) = consumer.poll(Duration::from_secs(30)) else {
            panic!("{} of {all} results", latencies.len());
        };
        let message = message.unwrap();
        let headers = message.headers().unwrap();
        let sent = headers
            .iter()
            .find(|header| header.key == "sent")
            .unwrap()
            .value
            .unwrap();
        let sent: u128 = std::str::from_utf8(sent).unwrap().parse().unwrap();
        latencies.push(u64::try_from(micros() - sent).unwrap());
    }
    sending.join().unwrap();
    let warm = usize::try_from(PER_SECOND * WARM_UP).unwrap();
    let mut counted = latencies.split_off(warm);
    counted.sort_unstable();
    let at = |share: f64| counted[(counted.len() as f64 * share) as usize] as f64 / 1_000.0;
    println!(
        "  {name}   p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, longest {:.1} ms",
        at(0.5),
        at(0.99),
        at(0.999),
        counted[counted.len() - 1] as f64 / 1_000.0
    );
}

fn micros() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_micros()
}
