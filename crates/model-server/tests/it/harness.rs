//! A model server on a free port, its store, and a client.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model_server::{Config, ModelServer, Secret};
use model_store::{SqliteStore, Store};
use pipeline::Definition;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use service_runtime::CancellationToken;
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub(crate) use crate::rows::{TestStore, fish, text};

/// Awaits `future`; panics after 30 s.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .expect("in time")
}

/// Polls `condition` until it is true; panics after 30 s.
pub(crate) async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    within(async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// The settings of most tests: a free port and short waits.
pub(crate) fn config() -> Config {
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        row_wait_ms: 200,
        store_poll: Duration::from_millis(20),
        ..Config::default()
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) store: SqliteStore,
    pub(crate) client: Client,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    /// A server on a new store. Dropping the directory deletes the store.
    pub(crate) async fn start() -> (Self, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (Self::start_in(dir.path(), config()).await, dir)
    }

    /// A server on the store in `dir`, which may exist already.
    pub(crate) async fn start_in(dir: &Path, config: Config) -> Self {
        let store = SqliteStore::open(dir.join("store.sqlite"), Definition::shipped()).unwrap();
        Self::start_on(store.clone(), Arc::new(store), config).await
    }

    /// A server for the pipeline in the settings, on a store in `dir`.
    pub(crate) async fn start_for(dir: &Path, config: Config) -> Self {
        let definition = config.folder.definition;
        let store = SqliteStore::open(dir.join("store.sqlite"), definition).unwrap();
        Self::start_on(store.clone(), Arc::new(store), config).await
    }

    /// A server on `served`. The test uses `store` to read and write the same data.
    pub(crate) async fn start_on(
        store: SqliteStore,
        served: Arc<dyn Store>,
        config: Config,
    ) -> Self {
        let server = within(ModelServer::bind_with_store(config, served))
            .await
            .unwrap();
        let shutdown = CancellationToken::new();
        Self {
            url: format!("http://127.0.0.1:{}", server.port()),
            store,
            client: Client::new(),
            task: tokio::spawn(server.run(shutdown.clone())),
            shutdown,
        }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        within(self.task).await.unwrap().unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    /// The JSON body of a GET, whose status must be 200.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let response = send(self.get(path)).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    /// The prediction for a fish.
    pub(crate) async fn predict(&self, length: f64, height: f64, species: &str) -> Value {
        self.json(&format!(
            "/prediction?length={length}&height={height}&species={species}"
        ))
        .await
    }

    /// The id of the live version.
    pub(crate) async fn live(&self) -> String {
        text(&self.json("/models/live").await["ModelVersion"])
    }

    /// Whether the metrics contain this line.
    pub(crate) async fn metric(&self, line: &str) -> bool {
        let metrics = send(self.get("/metrics")).await.text().await.unwrap();
        metrics.lines().any(|one| one == line)
    }

    /// Trains and returns the report. The status must be 200.
    pub(crate) async fn train(&self, path: &str, body: Value) -> Value {
        let response = send(self.post(path).body(body.to_string())).await;
        let status = response.status();
        let body = response.text().await.unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Stores 60 salmon and then 20 walleye.
    pub(crate) async fn store_drift(&self, version: &str) {
        self.store_fish(&fish("salmon", 1, 60, version)).await;
        self.store_fish(&fish("walleye", 61, 80, version)).await;
    }

    /// Makes a version live.
    pub(crate) async fn activate(&self, version: &str, query: &str) {
        let call = self.post(&format!("/models/{version}/activate{query}"));
        send(call).await.error_for_status().unwrap();
    }

    /// Stores rows as the pipeline's connector does.
    pub(crate) async fn store_fish(&self, fish: &[Value]) {
        self.store.fill(fish).await;
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Response {
    within(request.send()).await.unwrap()
}

/// Sends a request that must fail with `status`, and returns the problem body.
pub(crate) async fn problem(request: RequestBuilder, status: u16) -> Value {
    let response = send(request).await;
    assert_eq!(response.status(), status);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert_eq!(
        response.headers().contains_key("retry-after"),
        status == 503
    );
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    problem
}

/// A server whose store has 60 salmon and 20 walleye.
pub(crate) async fn drifted() -> (Server, TempDir, String) {
    let (server, dir) = Server::start().await;
    let first = server.live().await;
    server.store_drift(&first).await;
    (server, dir, first)
}

/// A record of `weight-retrain`.
pub(crate) fn trigger(version: &str, last_fish: u32) -> Value {
    json!({
        "ModelVersion": version, "Species": ["walleye"], "Fish_Id_Start": (last_fish - 20).to_string(),
        "Fish_Id_End": last_fish.to_string(), "ErrorAvg": 0.31, "Fish": 20
    })
}

/// The path of a file in the test data of `regression`.
pub(crate) fn reference(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../regression/tests/data")
        .join(file)
}

/// Settings with a token.
pub(crate) fn with_token(token: &str) -> Config {
    Config {
        train_token: Secret(token.into()),
        ..config()
    }
}
