//! The program as a process: kills at any moment, log, exit codes. After a kill and a restart, each
//! operation is either complete or has no effect.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use model_store::SqliteStore;
use model_store::Store;
use pipeline::Definition;
use reqwest::Client;
use serde_json::{Value, json};

use crate::harness::{TestStore, fish, text, trigger, until, within};

struct Process {
    child: Child,
    url: String,
    log: Arc<Mutex<Vec<Value>>>,
}

impl Process {
    /// Starts the program on the store in `dir` and waits until it listens.
    async fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[]).await
    }

    async fn start_with(dir: &Path, args: &[&str]) -> Self {
        let store = format!("sqlite:{}", dir.join("store.sqlite").display());
        let mut child = Command::new(env!("CARGO_BIN_EXE_model-server"))
            .args([
                "--listen",
                "127.0.0.1:0",
                "--log-format",
                "json",
                "--store",
                &store,
            ])
            .args(args)
            .env("RUST_LOG", "debug,hyper=info,reqwest=info")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (sender, port) = tokio::sync::oneshot::channel();
        let entries = Arc::new(Mutex::new(Vec::new()));
        let logged = Arc::clone(&entries);
        std::thread::spawn(move || {
            let mut sender = Some(sender);
            // Reads to the end, so that the program never blocks on a full pipe.
            for line in log.lines().map_while(Result::ok) {
                let entry: Value = serde_json::from_str(&line).unwrap();
                if let (Some(port), true) = (entry["port"].as_u64(), sender.is_some()) {
                    sender.take().unwrap().send(port).unwrap();
                }
                logged.lock().unwrap().push(entry);
            }
        });
        let port = within(port).await.expect("the server listens");
        Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            log: entries,
        }
    }

    /// The log entries so far with this message.
    fn logged(&self, message: &str) -> Vec<Value> {
        let log = self.log.lock().unwrap();
        let entries = log.iter().filter(|entry| entry["message"] == message);
        entries.cloned().collect()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn live(&self, client: &Client) -> Value {
        let live = client.get(format!("{}/models/live", self.url)).send();
        within(live).await.unwrap().json().await.unwrap()
    }
}

#[tokio::test]
async fn a_kill_during_a_training_leaves_a_consistent_log() {
    let client = Client::new();
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(dir.path()).await;
    let mut live = text(&process.live(&client).await["ModelVersion"]);
    let store = SqliteStore::open(dir.path().join("store.sqlite"), Definition::shipped()).unwrap();
    let mut training_time = Duration::ZERO;
    for round in 0..12_u32 {
        let from = round * 40;
        store
            .fill(&fish("salmon", from + 1, from + 20, &live))
            .await;
        store
            .fill(&fish("walleye", from + 21, from + 40, &live))
            .await;
        let training = client
            .post(format!("{}/train?force=true", process.url))
            .body(trigger(&live, from + 40).to_string());
        let started = Instant::now();
        let training = tokio::spawn(training.send());
        let mut answered = None;
        if round == 0 {
            // A result that the client has received survives the kill.
            let report: Value = within(training)
                .await
                .unwrap()
                .unwrap()
                .json()
                .await
                .unwrap();
            training_time = started.elapsed();
            answered = Some(text(&report["LiveVersion"]));
            assert_ne!(answered.as_ref(), Some(&live));
            process.kill();
        } else {
            // Each round kills the process later during the training.
            tokio::time::sleep(training_time * (round - 1) / 10).await;
            process.kill();
            let _ = within(training).await;
        }

        process = Process::start(dir.path()).await;
        let now = process.live(&client).await;
        let log = store.entries_after(0).await.unwrap();
        let last = log
            .iter()
            .rfind(|entry| json!(entry.outcome) == "activated")
            .unwrap();
        assert_eq!(now["ModelVersion"], last.model_version.as_str());
        assert_eq!(
            store.undecided_versions().await.unwrap(),
            Vec::<String>::new()
        );
        assert!(
            log.iter()
                .zip(1..)
                .all(|(entry, number)| entry.sequence == number),
            "{log:?}"
        );
        live = text(&now["ModelVersion"]);
        assert!(answered.is_none_or(|answered| answered == live));
    }
    process.kill();
}

#[tokio::test]
async fn a_kill_during_an_activation_leaves_one_version_live() {
    let client = Client::new();
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(dir.path()).await;
    let first = text(&process.live(&client).await["ModelVersion"]);
    let store = SqliteStore::open(dir.path().join("store.sqlite"), Definition::shipped()).unwrap();
    store.fill(&fish("salmon", 1, 60, &first)).await;
    let trained = client
        .post(format!("{}/train?force=true", process.url))
        .send();
    let trained: Value = within(trained).await.unwrap().json().await.unwrap();
    let both = [first, text(&trained["ModelVersion"])];
    for round in 0..6_usize {
        let path = format!("{}/models/{}/activate", process.url, both[round % 2]);
        let activation = tokio::spawn(client.post(path).send());
        if round == 0 {
            // A result that the client has received survives the kill.
            let answer = within(activation).await.unwrap().unwrap();
            answer.error_for_status().unwrap();
            process.kill();
        } else {
            tokio::time::sleep(Duration::from_micros(round as u64 * 400)).await;
            process.kill();
            let _ = within(activation).await;
        }
        process = Process::start(dir.path()).await;
        let live = text(&process.live(&client).await["ModelVersion"]);
        let last = store.last_activations(1).await.unwrap().remove(0);
        assert_eq!(live, last.model_version);
        assert!(both.contains(&live));
        assert!(round > 0 || live == both[0]);
    }
    process.kill();
}

#[tokio::test]
async fn a_pending_version_is_decided_at_the_next_start_or_call() {
    let client = Client::new();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.sqlite");
    let mut process = Process::start(dir.path()).await;
    let first = text(&process.live(&client).await["ModelVersion"]);
    let store = SqliteStore::open(&file, Definition::shipped()).unwrap();
    store.fill(&fish("salmon", 1, 60, &first)).await;
    let train = |url: &str, query: &str| client.post(format!("{url}/train{query}")).send();
    let execute = |sql: &'static str| {
        let file = rusqlite::Connection::open(&file).unwrap();
        file.busy_timeout(Duration::from_secs(5)).unwrap();
        file.execute_batch(sql).unwrap();
    };
    let forbid = "CREATE TRIGGER forbidden BEFORE INSERT ON Decisions BEGIN SELECT RAISE(ABORT, 'test'); END";
    let allow = "DROP TRIGGER forbidden";
    for round in 0..2_u32 {
        execute(forbid);
        // Each round trains on different rows.
        let query = format!("?rows={}&force=true", 50 - round);
        let failed = within(train(&process.url, &query)).await.unwrap();
        assert_eq!(failed.status(), 500);
        let undecided = store.undecided_versions().await.unwrap();
        assert_eq!(undecided.len(), 1, "the version is stored");
        if round == 0 {
            process.kill();
            execute(allow);
            process = Process::start(dir.path()).await;
            assert_eq!(
                process
                    .logged("decided on a version that an earlier process left undecided")
                    .len(),
                1
            );
        } else {
            execute(allow);
            let answer = within(train(&process.url, &query)).await.unwrap();
            let report: Value = answer.json().await.unwrap();
            assert_eq!(report["Outcome"], "activated", "{report}");
            assert_eq!(
                process.live(&client).await["ModelVersion"],
                undecided[0].as_str()
            );
        }
        let decisions = store.entries_on(&[&undecided[0]], 1_000).await.unwrap();
        assert_eq!(decisions.len(), 1);
        assert!(decisions[0].forced, "the force flag is kept");
        let none: Vec<String> = Vec::new();
        assert_eq!(store.undecided_versions().await.unwrap(), none);
    }
    process.kill();
}

#[tokio::test]
async fn the_log_warns_of_a_missing_token_and_has_trace_ids() {
    let client = Client::new();
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path()).await;
    let warning = "no train token is set: anyone may call POST /train and activate models";
    assert_eq!(process.logged(warning).len(), 1);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let first = text(&process.live(&client).await["ModelVersion"]);
    let store = SqliteStore::open(dir.path().join("store.sqlite"), Definition::shipped()).unwrap();
    store.fill(&fish("salmon", 1, 60, &first)).await;
    let request = client
        .post(format!("{}/train?force=true", process.url))
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    within(request.send())
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    for message in ["training ended", "answered"] {
        let has_trace = |entry: &Value| entry["span"]["trace_id"] == trace;
        until(|| async { process.logged(message).iter().any(has_trace) }).await;
    }
    process.kill();

    let process = Process::start_with(dir.path(), &["--train-token", "open sesame"]).await;
    assert!(process.logged(warning).is_empty());
    let log = process.log.lock().unwrap().clone();
    assert!(!Value::from(log).to_string().contains("sesame"));
    process.kill();
}

#[tokio::test]
async fn wrong_settings_exit_with_code_2() {
    let output = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_model-server"))
            .args(args)
            .output()
            .unwrap()
    };
    let listen = ["--listen", "127.0.0.1:0"];
    let missing = output(
        &[
            &listen[..],
            &[
                "--training-data",
                "no such file.csv",
                "--store",
                "sqlite:/nowhere/x",
            ],
        ]
        .concat(),
    );
    assert_eq!(missing.status.code(), Some(2));
    let message = String::from_utf8(missing.stderr).unwrap();
    assert!(
        message
            .lines()
            .last()
            .unwrap()
            .starts_with("error: --store sqlite:/nowhere/x"),
        "{message}"
    );
    assert_eq!(output(&["--store", "postgres://x"]).status.code(), Some(2));
    assert_eq!(output(&["--train-rows", "0"]).status.code(), Some(2));
    let no_server = output(&["healthcheck", "--listen", "127.0.0.1:1"]);
    assert_eq!(no_server.status.code(), Some(1));
}
