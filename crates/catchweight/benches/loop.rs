//! The whole loop in one process at full speed: `cargo bench -p catchweight --bench loop -- [fish]`, 100,000
//! by default. Prints the stored rows per second, the processor time by kind of thread and, while it runs,
//! the stage that is the furthest behind.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use catchweight::demo::{self, DemoArgs};
use catchweight::embedded::PipelineArgs;
use fish_producer::{Config, MAX_SPEED};
use service_runtime::CancellationToken;

/// Clock ticks per second of `/proc`, on Linux.
const TICKS: f64 = 100.0;

fn main() {
    // Cargo passes `--bench`.
    let fish = std::env::args().skip(1).find_map(|arg| arg.parse().ok());
    let fish: u32 = fish.unwrap_or(100_000);
    let half = (fish / 2).max(1);
    let plan = format!("salmon:{half},walleye:{half}");
    let args = DemoArgs {
        fish: Config {
            plan: plan.parse().expect("a plan"),
            seed: Some(1),
            speed: Some(MAX_SPEED),
            ..Config::default()
        },
        pipeline: PipelineArgs {
            port: Some(0),
            ksql_port: Some(0),
            monitor_port: Some(0),
            ..PipelineArgs::default()
        },
        ..DemoArgs::default()
    };
    let (stop, stopped) = mpsc::channel::<()>();
    // Threads that end take their times with them.
    let sampler = thread::spawn(move || {
        let mut threads = BTreeMap::new();
        while stopped.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
            sample(&mut threads);
        }
        threads
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let began = Instant::now();
    let report = demo::report(&args, CancellationToken::new());
    let report = runtime.block_on(report).expect("every part runs");
    let seconds = began.elapsed().as_secs_f64();
    drop(stop);
    let threads = sampler.join().expect("no panic");

    let stored = report.records.stored.expect("the store answers");
    println!("verdict         {}", report.verdict);
    println!(
        "stored          {stored} rows in {seconds:.1} s: {:.0}/s",
        stored as f64 / seconds
    );
    let mib = report.peak_memory_bytes.unwrap_or_default() as f64 / f64::from(1 << 20);
    println!("peak memory     {mib:.0} MiB");
    println!("\nthreads         processor time   per row");
    let mut kinds: BTreeMap<&str, f64> = BTreeMap::new();
    for (name, seconds) in threads.values() {
        *kinds.entry(kind(name)).or_default() += seconds;
    }
    for (kind, seconds) in kinds {
        let per_row = seconds * 1e6 / stored.max(1) as f64;
        println!("{kind:<24}  {seconds:>5.1} s  {per_row:>5.1} µs");
    }
}

/// Notes name and processor time of each thread of this process.
fn sample(threads: &mut BTreeMap<String, (String, f64)>) {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return;
    };
    for task in tasks.flatten() {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // `pid (name) state …`; user and system time are the 12th and 13th field after the name.
        let Some((name, rest)) = stat
            .split_once('(')
            .and_then(|(_, rest)| rest.rsplit_once(')'))
        else {
            continue;
        };
        let fields = rest.split_whitespace().skip(11).take(2);
        let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
        let id = task.file_name().to_string_lossy().into_owned();
        threads.insert(id, (name.to_owned(), ticks / TICKS));
    }
}

/// What the threads of a name do.
fn kind(name: &str) -> &'static str {
    match name {
        _ if name.starts_with("rdk:mock") => "embedded broker",
        _ if name.starts_with("rdk:") => "Kafka clients",
        _ if name.starts_with("tokio") => "services, SQL, store",
        _ => "other",
    }
}
