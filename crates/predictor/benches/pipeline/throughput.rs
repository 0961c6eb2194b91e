//! Records a second, and what share of the bare copy that is.

use crate::process::Process;
use crate::topic::{Watch, fill, make, make_output};

const RECORDS: u64 = 2_000_000;
const RECORDS_SINGLY: u64 = 60_000;
const RECORDS_ONE_BY_ONE: u64 = 4_000;
const ROUNDS: usize = 3;

pub fn run() {
    println!(
        "throughput: {RECORDS} records of about 150 bytes, 6 partitions, best of {ROUNDS} rounds"
    );
    let (model, url) = Process::model(0);
    let (input, _) = make("bench");
    fill(&input, RECORDS);
    let (mut copy, mut predictor) = (0.0_f64, 0.0_f64);
    for round in 1..=ROUNDS {
        let a = copied(&input);
        let (b, cpu, model_cpu, peak) = predicted(&input, &url, model.as_ref());
        println!(
            "  round {round}: (a) {a:>9.0}/s   (b) {b:>9.0}/s   ratio {:.2}   processor time per record: predictor {cpu:.2} µs, model {model_cpu:.2} µs; peak memory {peak} MiB",
            b / a
        );
        (copy, predictor) = (copy.max(a), predictor.max(b));
    }
    let (few, _) = make("bench-singly");
    fill(&few, RECORDS_SINGLY);
    let output = make_output("c");
    let watch = Watch::new(&output);
    let process = Process::predictor(&few, &output, &url, &["--per-record"]);
    let singly = watch.rate(RECORDS_SINGLY);
    drop(process);
    let output = make_output("d");
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
        ("(b) predictor                       ", predictor),
        ("(c) predictor --per-record          ", singly),
        ("(d) one by one, new client each time", original),
    ] {
        println!("  {name} {rate:>9.0}/s   {:.4}", rate / copy);
    }
    println!(
        "  (b) is {:.0} times (d), (c) is {:.1} times (d)",
        predictor / original,
        singly / original
    );
}

fn copied(input: &str) -> f64 {
    let output = make_output("a");
    let watch = Watch::new(&output);
    let _copy = Process::this(&["copy", input, &output, &RECORDS.to_string()]);
    watch.rate(RECORDS)
}

/// Records a second, microseconds of processor time per record, peak memory in MiB.
fn predicted(input: &str, url: &str, model: Option<&Process>) -> (f64, f64, f64, u64) {
    let output = make_output("b");
    let watch = Watch::new(&output);
    let before = model.map_or(0.0, Process::cpu_seconds);
    let process = Process::predictor(input, &output, url, &[]);
    let rate = watch.rate(RECORDS);
    let each = |seconds: f64| seconds * 1e6 / RECORDS as f64;
    let used = model.map_or(0.0, Process::cpu_seconds) - before;
    (
        rate,
        each(process.cpu_seconds()),
        each(used),
        process.memory_mib().1,
    )
}
