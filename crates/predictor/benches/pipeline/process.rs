//! Processes of a benchmark, killed when dropped, and their resource usage.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

pub struct Process(Child);

impl Process {
    /// The predictor.
    pub fn predictor(input: &str, output: &str, model_url: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_predictor"));
        command
            .args(["--bootstrap-servers", &crate::kafka().bootstrap_servers])
            .args([
                "--input-topic",
                input,
                "--output-topic",
                output,
                "--group-id",
                output,
            ])
            .args(["--model-url", model_url, "--listen", "127.0.0.1:0"])
            .args(more)
            .env("RUST_LOG", "warn");
        Self(command.spawn().unwrap())
    }

    /// This program with these arguments.
    pub fn this(words: &[&str]) -> Self {
        let this = std::env::current_exe().unwrap();
        Self(Command::new(this).args(words).spawn().unwrap())
    }

    /// The model server and its URL.
    pub fn model(rows_per_second: u64) -> (Option<Self>, String) {
        if let Ok(url) = std::env::var("MODEL_URL") {
            return (None, url);
        }
        let this = std::env::current_exe().unwrap();
        let mut command = Command::new(this);
        command
            .args(["serve-model", &rows_per_second.to_string()])
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        (Some(Self(child)), line.trim().to_owned())
    }

    /// Resident memory now and at its peak, in MiB.
    pub fn memory_mib(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace()
                .nth(1)
                .unwrap()
                .parse::<u64>()
                .unwrap()
                / 1024
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// CPU time in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        cpu_seconds(&fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap())
    }

    /// CPU time of its threads by name, in seconds.
    pub fn cpu_seconds_by_thread(&self) -> BTreeMap<String, f64> {
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap() {
            let folder = thread.unwrap().path();
            let read = |file| fs::read_to_string(folder.join(file)).unwrap();
            let name = read("comm").trim().to_owned();
            *threads.entry(name).or_default() += cpu_seconds(&read("stat"));
        }
        threads
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// User and system time in a line of /proc/PID/stat.
fn cpu_seconds(stat: &str) -> f64 {
    let fields = stat.rsplit(')').next().unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .map(|field| field.parse::<f64>().unwrap())
        .sum::<f64>()
        / 100.0
}
