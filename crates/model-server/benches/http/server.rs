//! The servers under test, as processes that end with the benchmark.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use model_store::SqliteStore;
use pipeline::Definition;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server process.
pub(crate) struct Server {
    pub(crate) url: String,
    child: Child,
    _dir: Option<TempDir>,
}

/// A loop of trainings.
pub(crate) struct Trainings {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

impl Server {
    /// The model server with a SQLite store of `rows` rows.
    pub(crate) fn model(rows: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        fill(
            &SqliteStore::open(&path, Definition::shipped()).unwrap(),
            rows,
        );
        let mut child = Command::new(env!("CARGO_BIN_EXE_model-server"))
            .args(["--listen", "127.0.0.1:0", "--log-format", "json", "--store"])
            .arg(format!("sqlite:{}", path.display()))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let port = log
            .by_ref()
            .map_while(std::result::Result::ok)
            .find_map(|line| {
                serde_json::from_str::<Value>(&line)
                    .ok()?
                    .get("port")?
                    .as_u64()
            });
        let port = port.expect("the model server logs its port");
        // Read the whole log, so that the server never blocks on the pipe.
        std::thread::spawn(move || log.for_each(drop));
        Self {
            url: format!("http://127.0.0.1:{port}"),
            child,
            _dir: Some(dir),
        }
    }

    /// The bare axum handler.
    pub(crate) fn bare() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("bare")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            url: format!("http://{}", line.trim()),
            child,
            _dir: None,
        }
    }

    /// Trains in a loop, each time on a different number of rows, so that each training makes a new model.
    pub(crate) fn training_loop(&self) -> Trainings {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, url) = (Arc::clone(&stop), self.url.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let client = reqwest::Client::new();
                let mut trained = 0;
                while !stopped.load(Ordering::Relaxed) {
                    let rows = 30 + trained % 400;
                    let url = format!("{url}/train?force=true&rows={rows}");
                    let answer = client.post(url).send().await.unwrap();
                    assert!(
                        answer.status().is_success(),
                        "{}",
                        answer.text().await.unwrap()
                    );
                    trained += 1;
                }
                trained
            })
        });
        Trainings { stop, thread }
    }

    /// Peak memory in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.memory_mib("VmHWM:")
    }

    /// Current memory in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        self.memory_mib("VmRSS:")
    }

    fn memory_mib(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Trainings {
    /// Stops the loop and returns the number of trainings.
    pub(crate) fn stop(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn fill(store: &SqliteStore, rows: u32) {
    let documents = (0..rows).map(|id| {
        let wave = |step: f64| (f64::from(id) * step).sin();
        let (length, height) = (88.0 + 5.0 * wave(1.7), 19.0 + wave(2.9));
        let weight = 0.05 * length + 0.01 * height + 0.1 * wave(5.3);
        let timestamp = format!("2021-06-09T{:02}:{:02}:{:02}.000Z", id / 3600, id / 60 % 60, id % 60);
        let key = format!("{id}@{timestamp}");
        let row = json!({
            "_id": key, "Key": "Key", "Fish_Id": id.to_string(), "Species": "salmon", "Length": length,
            "Height": height, "ActualWeight": weight, "Timestamp": timestamp
        });
        (key, row)
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime
        .block_on(store.replace_many("Weight", "TrainingData", documents.collect()))
        .unwrap();
}
