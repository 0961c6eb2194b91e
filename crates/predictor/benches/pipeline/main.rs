//! How fast the predictor is, against what the same broker and cores do at best and at worst.
//!
//! ```text
//! KAFKA_BOOTSTRAP_SERVERS=… cargo bench -p predictor --features kafka-tests -- [PART…]
//! ```
//!
//! | part | what is measured |
//! |---|---|
//! | `throughput` | (a) a bare copy loop, (b) the predictor, (c) `--per-record`, (d) one request at a time with a new client each, as the original did it; ratios of one run |
//! | `latency` | from the send until the result can be read, at 1,000 records a second: (a) and (b) |
//! | `memory` | a minute at twice the rate that the model answers, then until all is done |
//!
//! Without a part all are run. The model is a small server in a process of its own (`MODEL_URL`
//! names another one).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs,
    unreachable_pub
)]

mod copy;
mod latency;
mod memory;
mod model;
mod one_by_one;
mod process;
mod throughput;
mod topic;

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve-model", rows_per_second] => model::serve(rows_per_second.parse().unwrap()),
        ["copy", input, output, records] => copy::run(input, output, records.parse().unwrap()),
        ["one-by-one", input, output, url, records] => {
            one_by_one::run(input, output, url, records.parse().unwrap());
        }
        ref parts => {
            let asked = |part| parts.is_empty() || parts.contains(&part);
            if asked("throughput") {
                throughput::run();
            }
            if asked("latency") {
                latency::run();
            }
            if asked("memory") {
                memory::run();
            }
        }
    }
}

/// The broker that the environment names.
fn kafka() -> kafka_io::KafkaSettings {
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS")
        .expect("KAFKA_BOOTSTRAP_SERVERS names the broker that is measured on");
    kafka_io::KafkaSettings::plain(servers)
}
