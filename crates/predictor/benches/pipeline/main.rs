//! The speed of the predictor, compared with a bare copy and with the original on the same broker.
//!
//! ```text
//! KAFKA_BOOTSTRAP_SERVERS=… cargo bench -p predictor --features kafka-tests -- [PART…]
//! ```
//!
//! | part | measured |
//! |---|---|
//! | `throughput` | (a) a bare copy loop, (b) the predictor, (c) `--per-record`, (d) like the original: one request at a time, each with a new client; ratios of one run |
//! | `latency` | from sending a record to reading its result, at 1,000 records per second: (a) and (b) |
//! | `memory` | a minute at twice the rate of the model, then until all records are done |
//!
//! The default is all parts. The model is a small server in its own process; `MODEL_URL` names
//! another one.
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
            let selected = |part| parts.is_empty() || parts.contains(&part);
            if selected("throughput") {
                throughput::run();
            }
            if selected("latency") {
                latency::run();
            }
            if selected("memory") {
                memory::run();
            }
        }
    }
}

/// The broker in the environment.
fn kafka() -> kafka_io::KafkaSettings {
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS")
        .expect("KAFKA_BOOTSTRAP_SERVERS is not set: it names the broker for the benchmark");
    kafka_io::KafkaSettings::plain(servers)
}
