//! The model server on MongoDB: replicas, and a store that becomes unreachable.

use std::sync::Arc;
use std::time::Duration;

use model_server::Config;
use model_store::MongoStore;
use model_store::{SqliteStore, StoreAddress};
use pipeline::Definition;
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::harness::{Server, config, fish, problem, send, text, trigger, until};
use crate::history::check_decisions_are_in_order;
use crate::rows::TestStore;
use crate::rows::mongo::{store, uri};

/// A TCP proxy to the MongoDB server that a test can close.
struct Proxy {
    port: u16,
    task: Option<JoinHandle<()>>,
}

impl Proxy {
    async fn open() -> Self {
        let mut proxy = Self {
            port: 0,
            task: None,
        };
        proxy.reopen().await;
        proxy
    }

    async fn reopen(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let host = uri()
            .split('@')
            .next_back()
            .unwrap()
            .split('/')
            .next()
            .unwrap()
            .to_owned();
        self.task = Some(tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let host = host.clone();
                connections.spawn(async move {
                    let mut far = TcpStream::connect(host).await.unwrap();
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        }));
    }

    async fn close(&mut self) {
        let task = self.task.take().unwrap();
        task.abort();
        let _ = task.await;
    }

    fn uri(&self) -> String {
        let uri = uri();
        let (credentials, rest) = uri.split_once('@').unwrap();
        let (_, path) = rest.split_once('/').unwrap();
        format!("{credentials}@127.0.0.1:{}/{path}", self.port)
    }
}

/// A server on `store`. Its SQLite store is unused.
async fn serve(store: MongoStore, config: Config) -> Server {
    let unused = SqliteStore::open(":memory:", Definition::shipped()).unwrap();
    Server::start_on(unused, Arc::new(store), config).await
}

#[tokio::test]
async fn an_activation_in_one_replica_is_live_in_the_other() {
    let (store, ()) = store().await;
    let one = serve(store.clone(), config()).await;
    let other = serve(store.clone(), config()).await;
    let first = one.live().await;
    assert_eq!(
        other.live().await,
        first,
        "both replicas, started concurrently, have the same live model"
    );
    store.fill(&fish("salmon", 1, 60, &first)).await;
    store.fill(&fish("walleye", 61, 80, &first)).await;
    let body = trigger(&first, 80).to_string();
    let (a, b) = tokio::join!(
        send(one.post("/train").body(body.clone())),
        send(other.post("/train").body(body.clone()))
    );
    let mut outcomes = Vec::new();
    for answer in [a, b] {
        let report: serde_json::Value = answer.error_for_status().unwrap().json().await.unwrap();
        outcomes.push(text(&report["Outcome"]));
    }
    outcomes.sort();
    assert_eq!(outcomes[0], "activated");
    assert!(
        ["activated", "superseded", "unchanged"].contains(&outcomes[1].as_str()),
        "{outcomes:?}"
    );
    assert_eq!(one.json("/models").await["Total"], 2);
    let live = one.live().await;
    assert_eq!(live, other.live().await);
    assert_ne!(live, first);

    send(one.post(&format!("/models/{first}/activate")))
        .await
        .error_for_status()
        .unwrap();
    let deadline = tokio::time::timeout(
        Duration::from_secs(2),
        until(|| async { other.live().await == first }),
    );
    deadline
        .await
        .expect("live in the other replica within 2 s");
    one.stop().await;
    other.stop().await;
    store.clean_up().await;
}

#[tokio::test]
async fn concurrent_trainings_of_replicas_are_decided_in_order() {
    let (store, ()) = store().await;
    let one = serve(store.clone(), config()).await;
    let other = serve(store.clone(), config()).await;
    store.fill(&fish("walleye", 1, 60, "x")).await;
    check_decisions_are_in_order(&one, &other).await;
    one.stop().await;
    other.stop().await;
    store.clean_up().await;
}

#[tokio::test]
async fn the_copy_is_used_until_mongodb_is_back() {
    let (store, ()) = store().await;
    let dir = tempfile::tempdir().unwrap();
    let mut proxy = Proxy::open().await;
    let config = || Config {
        store: StoreAddress::MongoDb("mongodb://unused".into()),
        live_copy: dir.path().join("live.json"),
        ..config()
    };
    let name = store.database().name();
    let at_proxy = |uri: String| async move {
        MongoStore::in_database(&uri, Definition::shipped(), name)
            .await
            .unwrap()
    };
    let server = serve(at_proxy(proxy.uri()).await, config()).await;
    let first = server.live().await;
    assert_eq!(send(server.get("/readyz")).await.status(), 200);
    until(|| async { dir.path().join("live.json").exists() }).await;

    store.fill(&fish("salmon", 1, 40, &first)).await;
    let report = server.train("/train?force=true", json!({})).await;
    let live = text(&report["LiveVersion"]);
    assert_ne!(live, first);
    // The copy is updated even while the store is unreachable.
    proxy.close().await;
    let copied = || std::fs::read_to_string(dir.path().join("live.json")).unwrap();
    until(|| async { copied().contains(&live) }).await;
    let answer = server.predict(86.37, 18.74, "salmon").await;
    assert_eq!(answer["ModelVersion"], live.as_str());
    let unavailable = problem(server.post("/train"), 503).await;
    assert_eq!(
        unavailable["type"],
        "urn:catchweight:problem:store-unavailable"
    );
    assert_eq!(
        server.predict(86.37, 18.74, "salmon").await,
        answer,
        "the live model does not change"
    );
    server.stop().await;

    let server = serve(at_proxy(proxy.uri()).await, config()).await;
    let ready = send(server.get("/readyz")).await;
    assert_eq!(ready.status(), 503);
    let reason = ready.text().await.unwrap();
    assert!(!reason.contains("127.0.0.1"), "{reason}");
    assert_eq!(
        server.predict(86.37, 18.74, "salmon").await,
        answer,
        "the copy is used"
    );
    problem(server.get(&format!("/models/{first}")), 503).await;

    proxy.reopen().await;
    until(|| async { send(server.get("/readyz")).await.status() == 200 }).await;
    store.fill(&fish("walleye", 41, 60, &live)).await;
    assert_eq!(
        server.train("/train?force=true", json!({})).await["Outcome"],
        "activated"
    );
    server.stop().await;
    store.clean_up().await;
}

#[tokio::test]
async fn without_a_store_and_a_copy_no_model_is_live() {
    let dir = tempfile::tempdir().unwrap();
    let mut proxy = Proxy::open().await;
    proxy.close().await;
    let (store, ()) = store().await;
    let unreachable =
        MongoStore::in_database(&proxy.uri(), Definition::shipped(), store.database().name())
            .await
            .unwrap();
    let live_copy = dir.path().join("live.json");
    let address = StoreAddress::MongoDb("mongodb://unused".into());
    let server = serve(
        unreachable,
        Config {
            store: address,
            live_copy,
            ..config()
        },
    )
    .await;
    let problem = problem(server.get("/prediction?length=1&height=1&species=x"), 503).await;
    assert_eq!(problem["type"], "urn:catchweight:problem:no-model");
    proxy.reopen().await;
    until(|| async { send(server.get("/readyz")).await.status() == 200 }).await;
    server.predict(86.37, 18.74, "salmon").await;
    server.stop().await;
    store.clean_up().await;
}
