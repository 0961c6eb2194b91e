//! What becomes of a call whose store is lost, or whose log goes on, at an unlucky moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use messages::EventTime;
use model_server::SqliteStore;
use model_server::cause::Cause;
use model_server::decision::{Decision, Verdict};
use model_server::store::{Page, Store, StoreError};
use model_server::version::{Version, VersionInfo};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Server, config, fish, send, text, trigger, until};

/// What happens right after an append that succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Another replica makes the first version live.
    FirstIsActivated,
    /// The store cannot be reached any more.
    Lost,
}

/// A store that is lost, or used by another replica, when the test says so.
#[derive(Clone, Debug)]
struct Faulty {
    store: SqliteStore,
    lost: Arc<AtomicBool>,
    then: Arc<Mutex<Option<Then>>>,
}

impl Faulty {
    fn on(store: &SqliteStore) -> Self {
        Self {
            store: store.clone(),
            lost: Arc::default(),
            then: Arc::default(),
        }
    }

    fn reached(&self) -> Result<&SqliteStore, StoreError> {
        if self.lost.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("lost".into()));
        }
        Ok(&self.store)
    }

    fn lose(&self, lost: bool) {
        self.lost.store(lost, Ordering::SeqCst);
    }

    fn after_the_next_append(&self, then: Then) {
        *self.then.lock().unwrap() = Some(then);
    }

    async fn activate_first(&self) {
        let log = self.store.decisions_after(0).await.unwrap();
        let entry = asked_for(log.len() as u64 + 1, &log[0].model_version);
        assert!(self.store.append(&entry).await.unwrap());
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
        self.reached()?.prepare().await
    }

    async fn newest_rows(
        &self,
        species: Option<&str>,
        page: Page,
    ) -> Result<Vec<Value>, StoreError> {
        self.reached()?.newest_rows(species, page).await
    }

    async fn has_fish(&self, fish_id: &str, version: Option<&str>) -> Result<bool, StoreError> {
        self.reached()?.has_fish(fish_id, version).await
    }

    async fn insert_version(&self, version: &Version) -> Result<bool, StoreError> {
        self.reached()?.insert_version(version).await
    }

    async fn version(&self, id: &str) -> Result<Option<Version>, StoreError> {
        self.reached()?.version(id).await
    }

    async fn versions(&self, page: Page) -> Result<Vec<VersionInfo>, StoreError> {
        self.reached()?.versions(page).await
    }

    async fn count_versions(&self) -> Result<u64, StoreError> {
        self.reached()?.count_versions().await
    }

    async fn version_ids(&self) -> Result<Vec<String>, StoreError> {
        self.reached()?.version_ids().await
    }

    async fn undecided_versions(&self) -> Result<Vec<String>, StoreError> {
        self.reached()?.undecided_versions().await
    }

    async fn delete_version(&self, id: &str) -> Result<(), StoreError> {
        self.reached()?.delete_version(id).await
    }

    async fn append(&self, decision: &Decision) -> Result<bool, StoreError> {
        let appended = self.reached()?.append(decision).await?;
        let then = self.then.lock().unwrap().take_if(|_| appended);
        match then {
            Some(Then::FirstIsActivated) => self.activate_first().await,
            Some(Then::Lost) => self.lose(true),
            None => {}
        }
        Ok(appended)
    }

    async fn decisions_after(&self, sequence: u64) -> Result<Vec<Decision>, StoreError> {
        self.reached()?.decisions_after(sequence).await
    }

    async fn last_activations(&self, limit: u32) -> Result<Vec<Decision>, StoreError> {
        self.reached()?.last_activations(limit).await
    }

    async fn last_sequence(&self) -> Result<u64, StoreError> {
        self.reached()?.last_sequence().await
    }

    async fn decisions_on(&self, versions: &[&str]) -> Result<Vec<Decision>, StoreError> {
        self.reached()?.decisions_on(versions).await
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
