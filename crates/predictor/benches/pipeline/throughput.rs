//! Records per second, and their ratio to the bare copy.

use std::collections::BTreeMap;

use crate::process::Process;
use crate::topic::{Watch, create, create_output, fill};

const RECORDS: u64 = 2_000_000;
const RECORDS_SINGLY: u64 = 60_000;
const RECORDS_ONE_BY_ONE: u64 = 4_000;
const ROUNDS: usize = 3;

pub fn run() {
    println!(
        "throughput: {RECORDS} records of about 150 bytes, 6 partitions, best of {ROUNDS} rounds"
    );
    let (model, url) = Process::model(0);
    let (input, _) = create("bench");
    fill(&input, RECORDS);
    let (mut copy, mut best) = (0.0_f64, Predicted::default());
    for round in 1..=ROUNDS {
        let a = copied(&input);
        let b = predicted(&input, &url, model.as_ref());
        println!(
            "  round {round}: (a) {:>9.0}/s, {:.2} µs   (b) {:>9.0}/s, {:.2} µs and {:.2} µs of the model, peak memory {} MiB   ratio {:.2}",
            a.rate,
            a.micros,
            b.rate,
            b.micros(),
            b.model,
            b.peak_mib,
            b.rate / a.rate
        );
        copy = copy.max(a.rate);
        if b.rate > best.rate {
            best = b;
        }
    }
    println!("  (µs: CPU time per record) by thread in the best round of (b):");
    for (thread, micros) in &best.threads {
        println!("    {thread:<16} {micros:.2} µs");
    }
    let (few, _) = create("bench-singly");
    fill(&few, RECORDS_SINGLY);
    let output = create_output("c");
    let watch = Watch::new(&output);
    let process = Process::predictor(&few, &output, &url, &["--per-record"]);
    let singly = watch.rate(RECORDS_SINGLY);
    drop(process);
    let output = create_output("d");
    let watch = Watch::new(&output);
    let words = [
        "one-by-one",
        &few,
        &output,
        &url,
        &RECORDS_ONE_BY_ONE.to_string(),
    ];
    let process = Process::this(&words);
    let original = watch.rate(RECORDS_ONE_BY_ONE);
    drop(process);

    println!("  (a) bare copy                        {copy:>9.0}/s   1.00");
    for (name, rate) in [
        ("(b) predictor                       ", best.rate),
        ("(c) predictor --per-record          ", singly),
        ("(d) one by one, new client each time", original),
    ] {
        println!("  {name} {rate:>9.0}/s   {:.4}", rate / copy);
    }
    println!(
        "  (b) is {:.0} times (d), (c) is {:.1} times (d)",
        best.rate / original,
        singly / original
    );
}

struct Copied {
    /// Records per second.
    rate: f64,
    /// CPU time per record, in microseconds.
    micros: f64,
}

fn copied(input: &str) -> Copied {
    let output = create_output("a");
    let watch = Watch::new(&output);
    let copy = Process::this(&["copy", input, &output, &RECORDS.to_string()]);
    let rate = watch.rate(RECORDS);
    let micros = micros_each(copy.cpu_seconds());
    Copied { rate, micros }
}

#[derive(Default)]
struct Predicted {
    /// Records per second.
    rate: f64,
    /// CPU time per record by thread, in microseconds.
    threads: BTreeMap<String, f64>,
    /// CPU time of the model, if this benchmark started it.
    model: f64,
    peak_mib: u64,
}

impl Predicted {
    fn micros(&self) -> f64 {
        self.threads.values().sum()
    }
}

fn predicted(input: &str, url: &str, model: Option<&Process>) -> Predicted {
    let output = create_output("b");
    let watch = Watch::new(&output);
    let before = model.map_or(0.0, Process::cpu_seconds);
    let process = Process::predictor(input, &output, url, &[]);
    let rate = watch.rate(RECORDS);
    let threads = process.cpu_seconds_by_thread().into_iter();
    Predicted {
        rate,
        threads: threads
            .map(|(name, used)| (name, micros_each(used)))
            .collect(),
        model: micros_each(model.map_or(0.0, Process::cpu_seconds) - before),
        peak_mib: process.memory_mib().1,
    }
}

fn micros_each(seconds: f64) -> f64 {
    seconds * 1e6 / RECORDS as f64
}
