//! The servers under test, as processes that end with the benchmark.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use model_server::SqliteStore;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server process.
pub(crate) struct Server {
    pub(crate) url: String,
    child: Child,
    _dir: Option<TempDir>,
}

/// Trainings that go on until they are stopped.
pub(crate) struct Trainings {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

impl Server {
    /// The model server, with a SQLite store of so many rows.
    pub(crate) fn model(rows: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        fill(&SqliteStore::open(&path).unwrap(), rows);
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
        let port = port.expect("the model server listens");
        // To its end, so that the server never waits for its log to be read.
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

    /// Trains on another number of rows each time, so that each is a training and a new model.
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

    /// Trains so many versions on few rows and one on `rows`, and tells that one's id.
    pub(crate) fn history(&self, versions: u32, rows: u32) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let client = reqwest::Client::new();
            let train = |rows: u32| {
                let url = format!("{}/train?force=true&rows={rows}", self.url);
                let training = client.post(url).send();
                async { training.await.unwrap().json::<Value>().await.unwrap() }
            };
            for version in 0..versions {
                train(30 + version).await;
            }
            let last = train(rows).await;
            assert_eq!(last["Rows"], rows, "{last}");
            last["ModelVersion"].as_str().unwrap().to_owned()
        })
    }

    /// The most memory it had, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.memory_mib("VmHWM:")
    }

    /// The memory it has, in MiB.
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
    /// Stops them and tells how many there were.
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
