//! Speed of the model server, compared to a bare axum handler and to an R plumber API.
//!
//! `cargo bench -p model-server` runs the load generator, the model server and a bare axum handler with
//! a fixed body as processes that share the machine's cores. Runs of the two servers alternate; the
//! tables show medians. If `PLUMBER_URL` names an R plumber API that serves `GET /prediction`, it is
//! measured too.
//!
//! `cargo bench -p model-server --bench http -- hostile` measures the cost of slow clients instead. It
//! needs a limit of at least 3,000 open files.
//!
//! `RUNS` (default 5) and `SECONDS` (default 2) set the number and the length of the runs.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs
)]

mod bare;
mod hostile;
mod load;
mod server;

use std::time::Duration;

use load::{Request, Result};
use server::Server;

/// Concurrent connections.
const CONCURRENCY: [usize; 4] = [1, 8, 32, 128];
/// Rows of a batch.
const BATCH: usize = 500;
/// Rows in the store.
const ROWS: u32 = 500;
const PREDICTION: &str = "/prediction?length=86.37&height=18.74&species=salmon";

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("bare") => bare::serve(),
        Some("load") => load::run(&args[2..]),
        Some("hostile") => hostile::measure(),
        _ => measure(),
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

struct Bench {
    runs: u64,
    length: Duration,
    model: Server,
    bare: Server,
}

fn measure() {
    let bench = Bench {
        runs: setting("RUNS", 5),
        length: Duration::from_secs(setting("SECONDS", 2)),
        model: Server::model(ROWS),
        bare: Server::bare(),
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{cores} cores shared by load generator and servers; median of {} alternating runs of {:?}\n",
        bench.runs, bench.length
    );
    let single = bench.single();
    bench.batch(single);
    bench.while_training();
    println!(
        "Peak memory of the model server during these runs: {:.1} MiB",
        bench.model.peak_mib()
    );
    if let Ok(url) = std::env::var("PLUMBER_URL") {
        bench.plumber(&url, single);
    }
}

impl Bench {
    fn load(&self, url: &str, request: &Request, concurrency: usize) -> Result {
        load::start(url, request, concurrency, self.length)
    }

    /// `GET /prediction`, compared to the bare handler. Returns the best throughput.
    fn single(&self) -> f64 {
        println!(
            "| `GET /prediction`, connections | bare axum, requests/s | model server, requests/s | ratio | p50 | p99 |"
        );
        println!("|---:|---:|---:|---:|---:|---:|");
        let request = Request::get(PREDICTION);
        let mut best: f64 = 0.0;
        for concurrency in CONCURRENCY {
            let (mut bare, mut model) = (Vec::new(), Vec::new());
            for _ in 0..self.runs {
                bare.push(self.load(&self.bare.url, &request, concurrency));
                model.push(self.load(&self.model.url, &request, concurrency));
            }
            // Compare runs that are adjacent in time: other load on the machine affects both.
            let pairs = model.iter().zip(&bare);
            let mut ratios: Vec<_> = pairs
                .map(|(model, bare)| model.per_second / bare.per_second)
                .collect();
            ratios.sort_by(f64::total_cmp);
            let ratio = ratios[ratios.len() / 2];
            let (bare, model) = (median(bare), median(model));
            best = best.max(model.per_second);
            println!(
                "| {concurrency} | {:.0} | {:.0} | {:.2} | {} | {} |",
                bare.per_second,
                model.per_second,
                ratio,
                millis(model.p50),
                millis(model.p99)
            );
        }
        println!();
        best
    }

    /// `POST /predictions`, compared to the best throughput of the single call.
    fn batch(&self, single: f64) {
        println!(
            "| `POST /predictions`, {BATCH} rows, connections | rows/s | times the best single call | p99 |"
        );
        println!("|---:|---:|---:|---:|");
        let row = r#"{"length":86.37,"height":18.74,"species":"salmon"}"#;
        let body = format!("[{}]", vec![row; BATCH].join(","));
        let request = Request::post("/predictions", &body);
        for concurrency in [1, 8, 32] {
            let runs = (0..self.runs).map(|_| self.load(&self.model.url, &request, concurrency));
            let model = median(runs.collect());
            let rows = model.per_second * BATCH as f64;
            println!(
                "| {concurrency} | {rows:.0} | {:.1} | {} |",
                rows / single,
                millis(model.p99)
            );
        }
        println!();
    }

    /// Predictions during trainings, compared to predictions without them.
    fn while_training(&self) {
        println!("| 8 connections | requests/s | p50 | p99 | failed | trainings/s |");
        println!("|---|---:|---:|---:|---:|---:|");
        let request = Request::get(PREDICTION);
        let (mut quiet, mut training, mut trainings) = (Vec::new(), Vec::new(), 0);
        for _ in 0..self.runs {
            quiet.push(self.load(&self.model.url, &request, 8));
            let trained = self.model.training_loop();
            training.push(self.load(&self.model.url, &request, 8));
            trainings += trained.stop();
        }
        let failed = |runs: &[Result]| runs.iter().map(|run| run.failed).sum::<u64>();
        let failures = (failed(&quiet), failed(&training));
        let (quiet, training) = (median(quiet), median(training));
        let line = |name: &str, run: &Result, failed: u64, trained: f64| {
            let (p50, p99) = (millis(run.p50), millis(run.p99));
            println!(
                "| {name} | {:.0} | {p50} | {p99} | {failed} | {trained:.0} |",
                run.per_second
            );
        };
        line("quiet", &quiet, failures.0, 0.0);
        let seconds = self.length.as_secs_f64() * self.runs as f64;
        line(
            "trainings in a loop",
            &training,
            failures.1,
            f64::from(trainings) / seconds,
        );
        println!(
            "\np99 while training is {:.2} times the quiet one\n",
            training.p99 / quiet.p99
        );
    }

    /// `GET /prediction` of an R plumber API.
    fn plumber(&self, url: &str, single: f64) {
        println!(
            "\n| `GET /prediction` of R plumber, connections | requests/s | p50 | p99 | failed |"
        );
        println!("|---:|---:|---:|---:|---:|");
        let request = Request::get(PREDICTION);
        let mut best: f64 = 0.0;
        for concurrency in CONCURRENCY {
            let run = median(
                (0..self.runs)
                    .map(|_| self.load(url, &request, concurrency))
                    .collect(),
            );
            best = best.max(run.per_second);
            let (p50, p99) = (millis(run.p50), millis(run.p99));
            println!(
                "| {concurrency} | {:.0} | {p50} | {p99} | {} |",
                run.per_second, run.failed
            );
        }
        println!(
            "\nthe model server answers {:.0} times as many",
            single / best
        );
    }
}

/// The run with the median throughput.
fn median(mut runs: Vec<Result>) -> Result {
    runs.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    runs.swap_remove(runs.len() / 2)
}

fn millis(seconds: f64) -> String {
    format!("{:.2} ms", seconds * 1000.0)
}
