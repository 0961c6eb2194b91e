//! Memory while records arrive at twice the rate of the model, and whether all are processed.

use std::time::{Duration, Instant};

use crate::process::Process;
use crate::topic::{Filler, Watch, create};

const MODEL_PER_SECOND: u64 = 20_000;
const SECONDS: u64 = 60;

pub fn run() {
    let (_model, url) = Process::model(MODEL_PER_SECOND);
    let (input, output) = create("memory");
    let predictor = Process::predictor(&input, &output, &url, &[]);
    println!(
        "memory: {SECONDS} s at {}/s, the model answers {MODEL_PER_SECOND}/s",
        2 * MODEL_PER_SECOND
    );
    let filler = Filler::new();
    let start = Instant::now();
    let mut number = 0;
    for second in 0..SECONDS {
        for slice in 0..100 {
            let due = Duration::from_millis(second * 1_000 + slice * 10);
            std::thread::sleep((start + due).saturating_duration_since(Instant::now()));
            for _ in 0..2 * MODEL_PER_SECOND / 100 {
                filler.send(&input, number, None);
                number += 1;
            }
        }
        if second % 10 == 9 {
            println!("  after {} s: {} MiB", second + 1, predictor.memory_mib().0);
        }
    }
    filler.flush();
    let watch = Watch::new(&output);
    let behind = number - watch.records();
    let deadline = Instant::now() + Duration::from_secs(180);
    while watch.records() < number {
        assert!(
            Instant::now() < deadline,
            "{} of {number} results",
            watch.records()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    println!(
        "  {behind} records behind when the load ended; all {number} answered after {:.0} s; {} results; peak memory {} MiB",
        start.elapsed().as_secs_f64(),
        watch.records(),
        predictor.memory_mib().1
    );
}
