//! Requests during which the store fails or the decision log changes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use model_server::Config;
use model_store::{Cause, Trigger};
use model_store::{LogEntry, TrainingOutcome};
use model_store::{Page, Store, StoreError};
use model_store::{SqliteStore, StoreAddress};
use model_store::{Version, VersionInfo};
use pipeline::{Definition, EventTime};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::harness::{
    Server, TestStore, config, fish, problem, send, text, trigger, until, within,
};

/// What happens right after a successful append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterAppend {
    /// Another replica makes the first version live.
    ActivateFirst,
    /// The store becomes unavailable.
    LoseStore,
}

/// How calls of one store method misbehave.
#[derive(Clone, Debug)]
enum Fault {
    /// Each call waits for a permit.
    Wait(Arc<Semaphore>),
    /// Each call panics.
    Panic,
}

/// A store that a test can make unavailable, slow or panicking, or replace by another store.
#[derive(Clone, Debug)]
struct FaultyStore {
    inner: Arc<Mutex<SqliteStore>>,
    is_lost: Arc<AtomicBool>,
    after_append: Arc<Mutex<Option<AfterAppend>>>,
    faults: Arc<Mutex<HashMap<&'static str, Fault>>>,
    /// Number of calls of each method so far.
    calls: Arc<Mutex<HashMap<&'static str, usize>>>,
}

impl FaultyStore {
    fn new(store: &SqliteStore) -> Self {
        Self {
            inner: Arc::new(Mutex::new(store.clone())),
            is_lost: Arc::default(),
            after_append: Arc::default(),
            faults: Arc::default(),
            calls: Arc::default(),
        }
    }

    /// Counts a call of `method`, applies its fault, and returns the inner store.
    async fn enter(&self, method: &'static str) -> Result<SqliteStore, StoreError> {
        *self.calls.lock().unwrap().entry(method).or_default() += 1;
        let fault = self.faults.lock().unwrap().get(method).cloned();
        match fault {
            Some(Fault::Wait(permits)) => permits.acquire().await.unwrap().forget(),
            Some(Fault::Panic) => panic!("on purpose"),
            None => {}
        }
        if self.is_lost.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("lost".into()));
        }
        Ok(self.inner())
    }

    fn inner(&self) -> SqliteStore {
        self.inner.lock().unwrap().clone()
    }

    fn set_lost(&self, is_lost: bool) {
        self.is_lost.store(is_lost, Ordering::SeqCst);
    }

    /// Replaces the inner store.
    fn replace(&self, store: &SqliteStore) {
        *self.inner.lock().unwrap() = store.clone();
    }

    fn after_next_append(&self, event: AfterAppend) {
        *self.after_append.lock().unwrap() = Some(event);
    }

    /// From now on, calls of `method` wait for a permit of the returned semaphore.
    fn block(&self, method: &'static str) -> Arc<Semaphore> {
        let permits = Arc::new(Semaphore::new(0));
        let fault = Fault::Wait(Arc::clone(&permits));
        self.faults.lock().unwrap().insert(method, fault);
        permits
    }

    fn calls(&self, method: &'static str) -> usize {
        self.calls.lock().unwrap().get(method).copied().unwrap_or(0)
    }

    async fn activate_first(&self) {
        let log = self.inner().entries_after(0).await.unwrap();
        let entry = activation(log.len() as u64 + 1, &log[0].model_version);
        assert!(self.inner().append(&entry).await.unwrap());
    }
}

/// The log entry of a requested activation.
fn activation(sequence: u64, version: &str) -> LogEntry {
    LogEntry {
        sequence,
        model_version: version.into(),
        outcome: TrainingOutcome::Activated,
        time: EventTime::now(),
        cause: Cause::of(None),
        forced: false,
        pinned: false,
        gate: None,
        reason: "requested".into(),
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn definition(&self) -> &'static Definition {
        Definition::shipped()
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        self.enter("prepare").await?.prepare().await
    }

    async fn newest_rows(
        &self,
        species: Option<&str>,
        page: Page,
    ) -> Result<Vec<Value>, StoreError> {
        self.enter("newest_rows")
            .await?
            .newest_rows(species, page)
            .await
    }

    async fn has_row(&self, fish_id: &str, version: Option<&str>) -> Result<bool, StoreError> {
        self.enter("has_row").await?.has_row(fish_id, version).await
    }

    async fn rows_among(&self, ids: &[String]) -> Result<Vec<String>, StoreError> {
        self.enter("rows_among").await?.rows_among(ids).await
    }

    async fn insert_version(&self, version: &Version) -> Result<bool, StoreError> {
        self.enter("insert_version")
            .await?
            .insert_version(version)
            .await
    }

    async fn version(&self, id: &str) -> Result<Option<Version>, StoreError> {
        self.enter("version").await?.version(id).await
    }

    async fn versions(&self, page: Page) -> Result<Vec<VersionInfo>, StoreError> {
        self.enter("versions").await?.versions(page).await
    }

    async fn count_versions(&self) -> Result<u64, StoreError> {
        self.enter("count_versions").await?.count_versions().await
    }

    async fn version_ids(&self) -> Result<Vec<String>, StoreError> {
        self.enter("version_ids").await?.version_ids().await
    }

    async fn undecided_versions(&self) -> Result<Vec<String>, StoreError> {
        self.enter("undecided_versions")
            .await?
            .undecided_versions()
            .await
    }

    async fn delete_version(&self, id: &str) -> Result<(), StoreError> {
        self.enter("delete_version").await?.delete_version(id).await
    }

    async fn append(&self, entry: &LogEntry) -> Result<bool, StoreError> {
        let appended = self.enter("append").await?.append(entry).await?;
        let event = self.after_append.lock().unwrap().take_if(|_| appended);
        match event {
            Some(AfterAppend::ActivateFirst) => self.activate_first().await,
            Some(AfterAppend::LoseStore) => self.set_lost(true),
            None => {}
        }
        Ok(appended)
    }

    async fn entries_after(&self, sequence: u64) -> Result<Vec<LogEntry>, StoreError> {
        self.enter("entries_after")
            .await?
            .entries_after(sequence)
            .await
    }

    async fn last_activations(&self, limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        self.enter("last_activations")
            .await?
            .last_activations(limit)
            .await
    }

    async fn live_since(&self, time: EventTime) -> Result<Vec<String>, StoreError> {
        self.enter("live_since").await?.live_since(time).await
    }

    async fn last_entry(&self) -> Result<Option<LogEntry>, StoreError> {
        self.enter("last_entry").await?.last_entry().await
    }

    async fn entries_caused_by(&self, trigger: &Trigger) -> Result<Vec<LogEntry>, StoreError> {
        let store = self.enter("entries_caused_by").await?;
        store.entries_caused_by(trigger).await
    }

    async fn entries_on(&self, versions: &[&str], limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        let store = self.enter("entries_on").await?;
        store.entries_on(versions, limit).await
    }
}

/// A server on a [`FaultyStore`] with rows of 60 salmon and 20 walleye.
async fn drifted() -> (Server, FaultyStore, TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("store.sqlite"), Definition::shipped()).unwrap();
    let faulty = FaultyStore::new(&store);
    let server = Server::start_on(store, Arc::new(faulty.clone()), config()).await;
    let first = server.live().await;
    server.store_fish(&fish("salmon", 1, 60, &first)).await;
    server.store_fish(&fish("walleye", 61, 80, &first)).await;
    (server, faulty, dir, first)
}

/// The versions that went live, in order.
async fn went_live(store: &SqliteStore) -> Vec<String> {
    let log = store.entries_after(0).await.unwrap();
    let live = log
        .into_iter()
        .filter(|entry| entry.outcome == TrainingOutcome::Activated);
    live.map(|entry| entry.model_version).collect()
}

#[tokio::test]
async fn an_activation_appends_one_entry_even_if_another_follows() {
    let (server, store, _dir, first) = drifted().await;
    let second = text(&server.train("/train", trigger(&first, 80)).await["ModelVersion"]);
    send(server.post(&format!("/models/{first}/activate"))).await;
    store.after_next_append(AfterAppend::ActivateFirst);
    let answer = send(server.post(&format!("/models/{second}/activate"))).await;
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["ModelVersion"], second.as_str());
    let expected = [&first, &second, &first, &second, &first].map(String::clone);
    assert_eq!(went_live(&server.store).await, expected);
    until(|| async { server.live().await == first }).await;
    server.stop().await;
}

#[tokio::test]
async fn a_logged_decision_counts_even_if_the_store_is_lost() {
    let (server, store, _dir, first) = drifted().await;
    store.after_next_append(AfterAppend::LoseStore);
    let report = server.train("/train", trigger(&first, 80)).await;
    assert_eq!(report["Outcome"], "activated");
    let second = text(&report["ModelVersion"]);
    store.set_lost(false);
    until(|| async { server.live().await == second }).await;

    store.after_next_append(AfterAppend::LoseStore);
    let answer = send(server.post(&format!("/models/{first}/activate"))).await;
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["ModelVersion"], first.as_str());
    store.set_lost(false);
    until(|| async { server.live().await == first }).await;
    let expected = [&first, &second, &first].map(String::clone);
    assert_eq!(went_live(&server.store).await, expected);
    let report = server.train("/train", json!({})).await;
    assert_eq!(report["Outcome"], "unchanged", "{report}");
    server.stop().await;
}

#[tokio::test]
async fn a_training_that_panics_is_counted_and_the_next_one_runs() {
    let (server, store, _dir, first) = drifted().await;
    let faults = &store.faults;
    faults.lock().unwrap().insert("newest_rows", Fault::Panic);
    let broken = problem(server.post("/train"), 500).await;
    assert_eq!(broken["type"], "urn:catchweight:problem:internal");
    assert!(!broken.to_string().contains("on purpose"), "{broken}");
    let line = r#"catchweight_trainings_total{outcome="broken"} 1"#;
    assert!(server.metric(line).await);
    faults.lock().unwrap().clear();
    let report = server.train("/train", trigger(&first, 80)).await;
    assert_eq!(report["Outcome"], "activated");
    server.stop().await;
}

#[tokio::test]
async fn trainings_of_different_requests_queue() {
    let (server, store, _dir, first) = drifted().await;
    let rows = store.block("newest_rows");
    let train = |query: &str| tokio::spawn(server.post(&format!("/train{query}")).send());
    let one = train("?rows=40");
    until(|| async { store.calls("newest_rows") == 1 }).await;
    let other = train("?rows=30");
    until(|| server.metric("catchweight_training_calls_total 2")).await;
    // Without the queue, the other training would have read rows by now.
    server.predict(81.0, 17.0, "walleye").await;
    assert_eq!(store.calls("newest_rows"), 1);
    rows.add_permits(100);
    let mut reports = Vec::new();
    for call in [one, other] {
        let answer = within(call).await.unwrap().unwrap();
        let report: Value = answer.error_for_status().unwrap().json().await.unwrap();
        reports.push(report);
    }
    assert_eq!(reports[0]["Outcome"], "activated");
    let second = text(&reports[1]["ModelVersion"]);
    let log = server.store.entries_on(&[&second], 1_000).await.unwrap();
    let champion = &log[0].gate.as_ref().unwrap().champion;
    assert_eq!(reports[0]["ModelVersion"], champion.as_str());
    assert_ne!(*champion, first);
    server.stop().await;
}

#[tokio::test]
async fn a_trigger_has_its_own_entry_if_a_replica_decides_first() {
    let (server, store, dir, first) = drifted().await;
    let other = Server::start_in(dir.path(), config()).await;
    let append = store.block("append");
    let body = trigger(&first, 80).to_string();
    let training = tokio::spawn(server.post("/train").body(body).send());
    until(|| async { store.calls("append") > 1 }).await;
    // The version is stored but undecided when another replica trains.
    let report = other.train("/train", json!({})).await;
    assert_eq!(report["Outcome"], "activated");
    append.add_permits(100);
    let answer = within(training).await.unwrap().unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["Outcome"], "unchanged", "{answer}");
    let version = text(&report["ModelVersion"]);
    let log = server.store.entries_on(&[&version], 1_000).await.unwrap();
    let entries: Vec<_> = log
        .iter()
        .map(|one| (one.outcome, one.cause.trigger.is_some()))
        .collect();
    let expected = [
        (TrainingOutcome::Activated, false),
        (TrainingOutcome::Unchanged, true),
    ];
    assert_eq!(entries, expected);
    server.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_training_during_a_pin_is_decided_after_the_release() {
    let (server, store, _dir, first) = drifted().await;
    let stored_so_far = store.calls("insert_version");
    let insert = store.block("insert_version");
    let body = trigger(&first, 80).to_string();
    let training = tokio::spawn(server.post("/train").body(body).send());
    until(|| async { store.calls("insert_version") > stored_so_far }).await;
    // The version is undecided when another replica pins the live one.
    let pin = LogEntry {
        pinned: true,
        ..activation(2, &first)
    };
    assert!(server.store.append(&pin).await.unwrap());
    insert.add_permits(100);
    let answer = within(training).await.unwrap().unwrap();
    let pinned: Value = answer.json().await.unwrap();
    assert_eq!(pinned["Outcome"], "pinned");
    assert_eq!(pinned["Rows"], 50);
    let release = server.post(&format!("/models/{first}/activate?pin=false"));
    send(release).await.error_for_status().unwrap();
    let report = server.train("/train", trigger(&first, 80)).await;
    assert_eq!(report["Outcome"], "activated");
    assert_eq!(report["ModelVersion"], pinned["ModelVersion"]);
    server.stop().await;
}

#[tokio::test]
async fn a_rollback_does_not_wait_for_readers_of_the_history() {
    let (server, store, _dir, first) = drifted().await;
    let second = text(&server.train("/train", trigger(&first, 80)).await["ModelVersion"]);
    let pages = store.block("versions");
    let readers: Vec<_> = (0..9)
        .map(|_| tokio::spawn(server.get("/models").send()))
        .collect();
    until(|| async { store.calls("versions") == 8 }).await;
    let activation = send(server.post(&format!("/models/{first}/activate"))).await;
    assert_eq!(activation.status(), 200);
    assert_ne!(server.live().await, second);
    pages.add_permits(9);
    for reader in readers {
        assert_eq!(within(reader).await.unwrap().unwrap().status(), 200);
    }
    server.stop().await;
}

/// Settings with a copy of the live model in `dir`, as with MongoDB.
fn with_copy(dir: &TempDir) -> Config {
    Config {
        store: StoreAddress::MongoDb("mongodb://unused".into()),
        live_copy: dir.path().join("live.json"),
        ..config()
    }
}

#[tokio::test]
async fn the_copy_is_used_until_the_store_is_back() {
    let (dir, empty) = (
        tempfile::tempdir().unwrap(),
        SqliteStore::open(":memory:", Definition::shipped()),
    );
    let (old, empty) = (
        SqliteStore::open(":memory:", Definition::shipped()).unwrap(),
        empty.unwrap(),
    );
    let store = FaultyStore::new(&old);
    let start = || Server::start_on(old.clone(), Arc::new(store.clone()), with_copy(&dir));
    let server = start().await;
    let first = server.live().await;
    server.store_fish(&fish("walleye", 1, 60, &first)).await;
    let second = text(&server.train("/train", json!({})).await["ModelVersion"]);
    let copied = || std::fs::read_to_string(dir.path().join("live.json")).unwrap_or_default();
    until(|| async { copied().contains(&second) }).await;
    server.stop().await;

    store.set_lost(true);
    let server = start().await;
    assert_eq!(server.live().await, second, "the copy is used");
    store.replace(&empty);
    store.set_lost(false);
    until(|| async { server.live().await == first }).await;
    assert_eq!(went_live(&empty).await, [first.as_str()]);
    // The copy is updated, although the new store's log starts at sequence number 1 again.
    until(|| async { copied().contains(&first) }).await;
    empty.fill(&fish("walleye", 1, 60, &first)).await;
    let report = server.train("/train", json!({})).await;
    assert_eq!(report["Outcome"], "activated", "{report}");
    server.stop().await;
}

#[tokio::test]
async fn a_replaced_log_is_read_from_its_beginning() {
    let (server, store, dir, first) = drifted().await;
    let second = text(&server.train("/train", trigger(&first, 80)).await["ModelVersion"]);
    // The store is emptied under the running server.
    let empty = SqliteStore::open(dir.path().join("empty.sqlite"), Definition::shipped()).unwrap();
    store.replace(&empty);
    until(|| async { server.live().await == first }).await;
    assert_eq!(went_live(&empty).await, [first.as_str()]);
    // A backup with another live version and the same sequence numbers is restored.
    let restored =
        SqliteStore::open(dir.path().join("restored.sqlite"), Definition::shipped()).unwrap();
    let version = server.store.version(&second).await.unwrap().unwrap();
    restored.insert_version(&version).await.unwrap();
    assert!(restored.append(&activation(1, &second)).await.unwrap());
    let prepared = store.calls("prepare");
    store.replace(&restored);
    until(|| async { server.live().await == second }).await;
    // Indexes are created in the restored store.
    until(|| async { store.calls("prepare") > prepared }).await;
    server.stop().await;
}

#[tokio::test]
async fn an_unreadable_version_falls_back_to_the_last_readable_one() {
    let (server, _, dir, first) = drifted().await;
    let second = text(&server.train("/train", trigger(&first, 80)).await["ModelVersion"]);
    server.store_fish(&fish("walleye", 81, 90, &second)).await;
    let third = server.train("/train?force=true", json!({})).await;
    let third = text(&third["ModelVersion"]);
    let store = server.store.clone();
    server.stop().await;

    let version = store.version(&third).await.unwrap().unwrap();
    store.delete_version(&third).await.unwrap();
    let break_second = "UPDATE Models SET document = '{}' WHERE _id = ?1";
    let file = rusqlite::Connection::open(dir.path().join("store.sqlite")).unwrap();
    file.execute(break_second, [&second]).unwrap();
    let server = Server::start_in(dir.path(), config()).await;
    assert_eq!(server.live().await, first);
    assert_eq!(send(server.get("/readyz")).await.status(), 200);
    // Restoring the version from a backup makes it live again.
    store.insert_version(&version).await.unwrap();
    until(|| async { server.live().await == third }).await;
    server.stop().await;

    // The fallback version can be activated, and then stays live.
    store.delete_version(&third).await.unwrap();
    let server = Server::start_in(dir.path(), config()).await;
    let activation = server.post(&format!("/models/{first}/activate"));
    send(activation).await.error_for_status().unwrap();
    let expected = [&first, &second, &third, &first].map(String::clone);
    assert_eq!(went_live(&store).await, expected);
    server.stop().await;

    // If no earlier version is left, the first model goes live again.
    for id in [&first, &second] {
        store.delete_version(id).await.unwrap();
    }
    let server = Server::start_in(dir.path(), config()).await;
    assert_eq!(server.live().await, first);
    server.stop().await;
}

#[tokio::test]
async fn a_version_is_stored_before_the_log_names_it() {
    let (server, store, _dir, first) = drifted().await;
    let second = text(&server.train("/train", trigger(&first, 80)).await["ModelVersion"]);
    // Another replica deletes the version right after this one has read it. Then the store is lost.
    store.after_next_append(AfterAppend::LoseStore);
    let stored_so_far = store.calls("insert_version");
    let insert = store.block("insert_version");
    let activate = server.post(&format!("/models/{first}/activate"));
    let activation = tokio::spawn(activate.send());
    until(|| async { store.calls("insert_version") > stored_so_far }).await;
    server.store.delete_version(&first).await.unwrap();
    insert.add_permits(10);
    let answer = within(activation).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    let stored = server.store.version_ids().await.unwrap();
    assert_eq!(stored, [first.as_str(), second.as_str()]);
    server.stop().await;
}

#[tokio::test]
async fn an_unwritable_copy_is_retried_and_a_broken_one_is_ignored() {
    let (server, store, dir, first) = drifted().await;
    server.stop().await;
    let missing = dir.path().join("missing");
    let copy = missing.join("live.json");
    let config = || Config {
        live_copy: copy.clone(),
        ..with_copy(&dir)
    };
    let start = || Server::start_on(store.inner(), Arc::new(store.clone()), config());
    let server = start().await;
    std::fs::create_dir(&missing).unwrap();
    until(|| async { copy.exists() }).await;
    server.stop().await;

    std::fs::write(&copy, "{\"Version\":").unwrap();
    store.set_lost(true);
    let server = start().await;
    let no_model = problem(server.get("/models/live"), 503).await;
    assert_eq!(no_model["type"], "urn:catchweight:problem:no-model");
    store.set_lost(false);
    until(|| async { send(server.get("/readyz")).await.status() == 200 }).await;
    assert_eq!(server.live().await, first);
    server.stop().await;
}
