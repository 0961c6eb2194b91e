//! What becomes of a call whose store is lost, or whose log goes on, at an unlucky moment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use model_server::cause::{Cause, Trigger};
use model_server::decision::{Decision, Verdict};
use model_server::store::{Page, Store, StoreError};
use model_server::version::{Version, VersionInfo};
use model_server::{Config, SqliteStore, StoreAddress};
use pipeline::EventTime;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::harness::{
    Server, config, fish, problem, send, store_fish, text, trigger, until, within,
};

/// What happens right after an append that succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Another replica makes the first version live.
    FirstIsActivated,
    /// The store cannot be reached any more.
    Lost,
}

/// What happens to the calls of one name.
#[derive(Clone, Debug)]
enum On {
    /// Each takes a permit before it goes on.
    Wait(Arc<Semaphore>),
    /// They panic.
    Panic,
}

/// A store that is lost, replaced, slow or used by another replica, when the test says so.
#[derive(Clone, Debug)]
struct Faulty {
    store: Arc<Mutex<SqliteStore>>,
    lost: Arc<AtomicBool>,
    then: Arc<Mutex<Option<Then>>>,
    on: Arc<Mutex<HashMap<&'static str, On>>>,
    /// How often each call was begun.
    begun: Arc<Mutex<HashMap<&'static str, usize>>>,
}

impl Faulty {
    fn on(store: &SqliteStore) -> Self {
        Self {
            store: Arc::new(Mutex::new(store.clone())),
            lost: Arc::default(),
            then: Arc::default(),
            on: Arc::default(),
            begun: Arc::default(),
        }
    }

    /// The store behind it, for a call of this name.
    async fn reached(&self, call: &'static str) -> Result<SqliteStore, StoreError> {
        *self.begun.lock().unwrap().entry(call).or_default() += 1;
        let on = self.on.lock().unwrap().get(call).cloned();
        match on {
            Some(On::Wait(permits)) => permits.acquire().await.unwrap().forget(),
            Some(On::Panic) => panic!("on purpose"),
            None => {}
        }
        if self.lost.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("lost".into()));
        }
        Ok(self.store())
    }

    fn store(&self) -> SqliteStore {
        self.store.lock().unwrap().clone()
    }

    fn lose(&self, lost: bool) {
        self.lost.store(lost, Ordering::SeqCst);
    }

    /// Another store is in its place.
    fn replace(&self, store: &SqliteStore) {
        *self.store.lock().unwrap() = store.clone();
    }

    fn after_the_next_append(&self, then: Then) {
        *self.then.lock().unwrap() = Some(then);
    }

    /// From now on calls of this name wait for a permit of what is returned.
    fn hold(&self, call: &'static str) -> Arc<Semaphore> {
        let permits = Arc::new(Semaphore::new(0));
        let on = On::Wait(Arc::clone(&permits));
        self.on.lock().unwrap().insert(call, on);
        permits
    }

    fn begun(&self, call: &'static str) -> usize {
        self.begun.lock().unwrap().get(call).copied().unwrap_or(0)
    }

    async fn activate_first(&self) {
        let log = self.store().decisions_after(0).await.unwrap();
        let entry = asked_for(log.len() as u64 + 1, &log[0].model_version);
        assert!(self.store().append(&entry).await.unwrap());
    }
}

fn asked_for(sequence: u64, version: &str) -> Decision {
    Decision {
        sequence,
        model_version: version.into(),
        verdict: Verdict::Activated,
        time: EventTime::now(),
        cause: Cause::of(None),
        forced: false,
        pinned: false,
        gate: None,
        reason: "asked for".into(),
    }
}

#[async_trait]
impl Store for Faulty {
    async fn prepare(&self) -> Result<(), StoreError> {
        self.reached("prepare").await?.prepare().await
    }

    async fn newest_rows(
        &self,
        species: Option<&str>,
        page: Page,
    ) -> Result<Vec<Value>, StoreError> {
        self.reached("newest_rows")
            .await?
            .newest_rows(species, page)
            .await
    }

    async fn has_fish(&self, fish_id: &str, version: Option<&str>) -> Result<bool, StoreError> {
        self.reached("has_fish")
            .await?
            .has_fish(fish_id, version)
            .await
    }

    async fn rows_among(&self, ids: &[String]) -> Result<Vec<String>, StoreError> {
        self.reached("rows_among").await?.rows_among(ids).await
    }

    async fn insert_version(&self, version: &Version) -> Result<bool, StoreError> {
        self.reached("insert_version")
            .await?
            .insert_version(version)
            .await
    }

    async fn version(&self, id: &str) -> Result<Option<Version>, StoreError> {
        self.reached("version").await?.version(id).await
    }

    async fn versions(&self, page: Page) -> Result<Vec<VersionInfo>, StoreError> {
        self.reached("versions").await?.versions(page).await
    }

    async fn count_versions(&self) -> Result<u64, StoreError> {
        self.reached("count_versions").await?.count_versions().await
    }

    async fn version_ids(&self) -> Result<Vec<String>, StoreError> {
        self.reached("version_ids").await?.version_ids().await
    }

    async fn undecided_versions(&self) -> Result<Vec<String>, StoreError> {
        self.reached("undecided_versions")
            .await?
            .undecided_versions()
            .await
    }

    async fn delete_version(&self, id: &str) -> Result<(), StoreError> {
        self.reached("delete_version")
            .await?
            .delete_version(id)
            .await
    }

    async fn append(&self, decision: &Decision) -> Result<bool, StoreError> {
        let appended = self.reached("append").await?.append(decision).await?;
        let then = self.then.lock().unwrap().take_if(|_| appended);
        match then {
            Some(Then::FirstIsActivated) => self.activate_first().await,
            Some(Then::Lost) => self.lose(true),
            None => {}
        }
        Ok(appended)
    }

    async fn decisions_after(&self, sequence: u64) -> Result<Vec<Decision>, StoreError> {
        self.reached("decisions_after")
            .await?
            .decisions_after(sequence)
            .await
    }

    async fn last_activations(&self, limit: u32) -> Result<Vec<Decision>, StoreError> {
        self.reached("last_activations")
            .await?
            .last_activations(limit)
            .await
    }

    async fn live_since(&self, time: EventTime) -> Result<Vec<String>, StoreError> {
        self.reached("live_since").await?.live_since(time).await
    }

    async fn last_decision(&self) -> Result<Option<Decision>, StoreError> {
        self.reached("last_decision").await?.last_decision().await
    }

    async fn decisions_caused_by(&self, trigger: &Trigger) -> Result<Vec<Decision>, StoreError> {
        let store = self.reached("decisions_caused_by").await?;
        store.decisions_caused_by(trigger).await
    }

    async fn decisions_on(
        &self,
        versions: &[&str],
        limit: u32,
    ) -> Result<Vec<Decision>, StoreError> {
        let store = self.reached("decisions_on").await?;
        store.decisions_on(versions, limit).await
    }
}

/// A server on such a store, which has seen 60 salmon and 20 walleye.
async fn drifted() -> (Server, Faulty, TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("store.sqlite")).unwrap();
    let faulty = Faulty::on(&store);
    let server = Server::start_on(store, Arc::new(faulty.clone()), config()).await;
    let first = server.live().await;
    server.store_fish(&fish("salmon", 1, 60, &first)).await;
    server.store_fish(&fish("walleye", 61, 80, &first)).await;
    (server, faulty, dir, first)
}

/// The versions that went live, in their order.
async fn went_live(store: &SqliteStore) -> Vec<String> {
    let log = store.decisions_after(0).await.unwrap();
    let live = log
        .into_iter()
        .filter(|entry| entry.verdict == Verdict::Activated);
    live.map(|entry| entry.model_version).collect()
}

#[tokio::test]
async fn one_call_to_activate_is_one_entry_whatever_goes_live_right_after_it() {
    let (server, store, _dir, first) = drifted().await;
    let second = text(&server.train("/train", trigger(&first, 80)).await["ModelVersion"]);
    send(server.post(&format!("/models/{first}/activate"))).await;
    store.after_the_next_append(Then::FirstIsActivated);
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
async fn what_is_in_the_log_is_answered_as_done_though_the_store_is_lost_right_after_it() {
    let (server, store, _dir, first) = drifted().await;
    store.after_the_next_append(Then::Lost);
    let report = server.train("/train", trigger(&first, 80)).await;
    assert_eq!(report["Outcome"], "activated");
    let second = text(&report["ModelVersion"]);
    store.lose(false);
    until(|| async { server.live().await == second }).await;

    store.after_the_next_append(Then::Lost);
    let answer = send(server.post(&format!("/models/{first}/activate"))).await;
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["ModelVersion"], first.as_str());
    store.lose(false);
    until(|| async { server.live().await == first }).await;
    let expected = [&first, &second, &first].map(String::clone);
    assert_eq!(went_live(&server.store).await, expected);
    let report = server.train("/train", json!({})).await;
    assert_eq!(report["Outcome"], "unchanged", "{report}");
    server.stop().await;
}

#[tokio::test]
async fn a_training_that_panics_is_counted_and_the_next_one_goes_on() {
    let (server, store, _dir, first) = drifted().await;
    store.on.lock().unwrap().insert("newest_rows", On::Panic);
    let broken = problem(server.post("/train"), 500).await;
    assert_eq!(broken["type"], "urn:catchweight:problem:internal");
    assert!(!broken.to_string().contains("on purpose"), "{broken}");
    let counted = r#"catchweight_trainings_total{outcome="broken"} 1"#;
    assert!(server.metric(counted).await);
    store.on.lock().unwrap().clear();
    let report = server.train("/train", trigger(&first, 80)).await;
    assert_eq!(report["Outcome"], "activated");
    server.stop().await;
}

#[tokio::test]
async fn trainings_of_different_requests_queue() {
    let (server, store, _dir, first) = drifted().await;
    let rows = store.hold("newest_rows");
    let train = |query: &str| tokio::spawn(server.post(&format!("/train{query}")).send());
    let one = train("?rows=40");
    until(|| async { store.begun("newest_rows") == 1 }).await;
    let other = train("?rows=30");
    until(|| server.metric("catchweight_training_calls_total 2")).await;
    // The other would read rows by now.
    server.weigh(81.0, 17.0, "walleye").await;
    assert_eq!(store.begun("newest_rows"), 1);
    rows.add_permits(100);
    let mut reports = Vec::new();
    for call in [one, other] {
        let answer = within(call).await.unwrap().unwrap();
        let report: Value = answer.error_for_status().unwrap().json().await.unwrap();
        reports.push(report);
    }
    assert_eq!(reports[0]["Outcome"], "activated");
    let second = text(&reports[1]["ModelVersion"]);
    let log = server.store.decisions_on(&[&second], 1_000).await.unwrap();
    let champion = &log[0].gate.as_ref().unwrap().champion;
    assert_eq!(reports[0]["ModelVersion"], champion.as_str());
    assert_ne!(*champion, first);
    server.stop().await;
}

#[tokio::test]
async fn a_trigger_has_its_own_entry_where_another_replica_decides_on_the_same_rows_first() {
    let (server, store, dir, first) = drifted().await;
    let other = Server::start_in(dir.path(), config()).await;
    let append = store.hold("append");
    let body = trigger(&first, 80).to_string();
    let training = tokio::spawn(server.post("/train").body(body).send());
    until(|| async { store.begun("append") > 1 }).await;
    // Trained and stored, but not decided on: another replica is asked for a training.
    let report = other.train("/train", json!({})).await;
    assert_eq!(report["Outcome"], "activated");
    append.add_permits(100);
    let answer = within(training).await.unwrap().unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["Outcome"], "unchanged", "{answer}");
    let version = text(&report["ModelVersion"]);
    let log = server.store.decisions_on(&[&version], 1_000).await.unwrap();
    let entries: Vec<_> = log
        .iter()
        .map(|one| (one.verdict, one.cause.trigger.is_some()))
        .collect();
    let expected = [(Verdict::Activated, false), (Verdict::Unchanged, true)];
    assert_eq!(entries, expected);
    server.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_training_that_meets_a_pin_is_decided_on_after_the_release() {
    let (server, store, _dir, first) = drifted().await;
    let stored_so_far = store.begun("insert_version");
    let insert = store.hold("insert_version");
    let body = trigger(&first, 80).to_string();
    let training = tokio::spawn(server.post("/train").body(body).send());
    until(|| async { store.begun("insert_version") > stored_so_far }).await;
    // Trained, but not decided on: another replica pins what is live.
    let pin = Decision {
        pinned: true,
        ..asked_for(2, &first)
    };
    assert!(server.store.append(&pin).await.unwrap());
    insert.add_permits(100);
    let answer = within(training).await.unwrap().unwrap();
    let held: Value = answer.json().await.unwrap();
    assert_eq!(held["Outcome"], "pinned");
    assert_eq!(held["Rows"], 50);
    let release = server.post(&format!("/models/{first}/activate?pin=false"));
    send(release).await.error_for_status().unwrap();
    let report = server.train("/train", trigger(&first, 80)).await;
    assert_eq!(report["Outcome"], "activated");
    assert_eq!(report["ModelVersion"], held["ModelVersion"]);
    server.stop().await;
}

#[tokio::test]
async fn a_rollback_does_not_wait_for_those_who_read_the_history() {
    let (server, store, _dir, first) = drifted().await;
    let second = text(&server.train("/train", trigger(&first, 80)).await["ModelVersion"]);
    let pages = store.hold("versions");
    let readers: Vec<_> = (0..9)
        .map(|_| tokio::spawn(server.get("/models").send()))
        .collect();
    until(|| async { store.begun("versions") == 8 }).await;
    let activation = send(server.post(&format!("/models/{first}/activate"))).await;
    assert_eq!(activation.status(), 200);
    assert_ne!(server.live().await, second);
    pages.add_permits(9);
    for reader in readers {
        assert_eq!(within(reader).await.unwrap().unwrap().status(), 200);
    }
    server.stop().await;
}

/// The settings with a copy of the live model in `dir`, as with MongoDB.
fn with_copy(dir: &TempDir) -> Config {
    Config {
        store: StoreAddress::MongoDb("mongodb://in-use-is-the-one-given".into()),
        live_copy: dir.path().join("live.json"),
        ..config()
    }
}

#[tokio::test]
async fn a_copy_answers_until_the_store_is_back_and_is_not_live_where_that_is_empty() {
    let (dir, empty) = (tempfile::tempdir().unwrap(), SqliteStore::open(":memory:"));
    let (old, empty) = (SqliteStore::open(":memory:").unwrap(), empty.unwrap());
    let store = Faulty::on(&old);
    let start = || Server::start_on(old.clone(), Arc::new(store.clone()), with_copy(&dir));
    let server = start().await;
    let first = server.live().await;
    server.store_fish(&fish("walleye", 1, 60, &first)).await;
    let second = text(&server.train("/train", json!({})).await["ModelVersion"]);
    let copied = || std::fs::read_to_string(dir.path().join("live.json")).unwrap_or_default();
    until(|| async { copied().contains(&second) }).await;
    server.stop().await;

    store.lose(true);
    let server = start().await;
    assert_eq!(server.live().await, second, "the copy answers");
    store.replace(&empty);
    store.lose(false);
    until(|| async { server.live().await == first }).await;
    assert_eq!(went_live(&empty).await, [first.as_str()]);
    // What the copy holds now has the number of what the old store had first.
    until(|| async { copied().contains(&first) }).await;
    store_fish(&empty, &fish("walleye", 1, 60, &first)).await;
    let report = server.train("/train", json!({})).await;
    assert_eq!(report["Outcome"], "activated", "{report}");
    server.stop().await;
}

#[tokio::test]
async fn a_log_in_the_place_of_the_one_that_was_followed_is_followed_from_its_beginning() {
    let (server, store, dir, first) = drifted().await;
    let second = text(&server.train("/train", trigger(&first, 80)).await["ModelVersion"]);
    // Emptied under the running server: by one who made the volume anew.
    let empty = SqliteStore::open(dir.path().join("empty.sqlite")).unwrap();
    store.replace(&empty);
    until(|| async { server.live().await == first }).await;
    assert_eq!(went_live(&empty).await, [first.as_str()]);
    // Restored from a backup in which another version is live and the numbers are the same.
    let restored = SqliteStore::open(dir.path().join("restored.sqlite")).unwrap();
    let version = server.store.version(&second).await.unwrap().unwrap();
    restored.insert_version(&version).await.unwrap();
    assert!(restored.append(&asked_for(1, &second)).await.unwrap());
    let prepared = store.begun("prepare");
    store.replace(&restored);
    until(|| async { server.live().await == second }).await;
    // It needs its indexes too.
    until(|| async { store.begun("prepare") > prepared }).await;
    server.stop().await;
}

#[tokio::test]
async fn while_the_version_that_is_to_be_live_cannot_be_read_the_last_one_that_can_answers() {
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
    // It is there again, from a backup: what the log says is live.
    store.insert_version(&version).await.unwrap();
    until(|| async { server.live().await == third }).await;
    server.stop().await;

    // What takes its place can be asked for, and stays.
    store.delete_version(&third).await.unwrap();
    let server = Server::start_in(dir.path(), config()).await;
    let activation = server.post(&format!("/models/{first}/activate"));
    send(activation).await.error_for_status().unwrap();
    let expected = [&first, &second, &third, &first].map(String::clone);
    assert_eq!(went_live(&store).await, expected);
    server.stop().await;

    // None of those that were live is there: the first model is, once more.
    for id in [&first, &second] {
        store.delete_version(id).await.unwrap();
    }
    let server = Server::start_in(dir.path(), config()).await;
    assert_eq!(server.live().await, first);
    server.stop().await;
}

#[tokio::test]
async fn a_version_is_stored_before_the_log_says_that_it_is_live() {
    let (server, store, _dir, first) = drifted().await;
    let second = text(&server.train("/train", trigger(&first, 80)).await["ModelVersion"]);
    // Forgotten by another replica right after it was looked for; then the store is lost.
    store.after_the_next_append(Then::Lost);
    let stored_so_far = store.begun("insert_version");
    let insert = store.hold("insert_version");
    let activate = server.post(&format!("/models/{first}/activate"));
    let activation = tokio::spawn(activate.send());
    until(|| async { store.begun("insert_version") > stored_so_far }).await;
    server.store.delete_version(&first).await.unwrap();
    insert.add_permits(10);
    let answer = within(activation).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    let stored = server.store.version_ids().await.unwrap();
    assert_eq!(stored, [first.as_str(), second.as_str()]);
    server.stop().await;
}

#[tokio::test]
async fn a_copy_that_cannot_be_written_is_tried_again_and_one_that_is_none_answers_nothing() {
    let (server, store, dir, first) = drifted().await;
    server.stop().await;
    let missing = dir.path().join("missing");
    let copy = missing.join("live.json");
    let config = || Config {
        live_copy: copy.clone(),
        ..with_copy(&dir)
    };
    let start = || Server::start_on(store.store(), Arc::new(store.clone()), config());
    let server = start().await;
    std::fs::create_dir(&missing).unwrap();
    until(|| async { copy.exists() }).await;
    server.stop().await;

    std::fs::write(&copy, "{\"Version\":").unwrap();
    store.lose(true);
    let server = start().await;
    let no_model = problem(server.get("/models/live"), 503).await;
    assert_eq!(no_model["type"], "urn:catchweight:problem:no-model");
    store.lose(false);
    until(|| async { send(server.get("/readyz")).await.status() == 200 }).await;
    assert_eq!(server.live().await, first);
    server.stop().await;
}
