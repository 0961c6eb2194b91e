//! Refinements: trainings on rows that come after a trigger's version went live.

use std::sync::Arc;
use std::time::Duration;

use model_server::seed::first_version;
use model_server::training::{
    RefineArgs, Refiner, TrainReport, TrainRequest, TrainingRule, train_once,
};
use model_server::{Config, training::RefineAt};
use model_store::TrainingOutcome::{self, Activated, Pinned, Superseded, Unchanged};
use model_store::{ModelRegistry, Refinement, SqliteStore, Store, Trigger};
use pipeline::{Definition, EventTime};
use pipeline_folder::Folder;
use serde_json::json;

use crate::harness::{Server, TestStore, config, fish, text, trigger, until};

fn refine_at() -> RefineAt {
    "5,15".parse().unwrap()
}

fn rule() -> TrainingRule {
    TrainingRule {
        row_wait: Duration::ZERO,
        ..Config::default().training_rule()
    }
}

/// A store in which a trigger at walleye 80 has made a version live, by decision 2.
async fn triggered() -> (SqliteStore, ModelRegistry) {
    let store = SqliteStore::open(":memory:", Definition::shipped()).unwrap();
    let models = replica(&store).await;
    let first = first_version(&Folder::shipped(), None).unwrap();
    models.submit(&first).await.unwrap();
    let id = &first.info.model_version;
    store.fill(&fish("salmon", 1, 60, id)).await;
    store.fill(&fish("walleye", 61, 80, id)).await;
    assert_eq!(call(&models, id, 80).await, Activated);
    (store, models)
}

async fn replica(store: &SqliteStore) -> ModelRegistry {
    let models = ModelRegistry::new(Arc::new(store.clone()));
    models.sync().await.unwrap();
    models
}

async fn train(models: &ModelRegistry, request: &TrainRequest) -> TrainReport {
    train_once(models, &rule(), request).await.unwrap()
}

/// Trains for a trigger.
async fn call(models: &ModelRegistry, version: &str, last_fish: u32) -> TrainingOutcome {
    let body = trigger(version, last_fish).to_string();
    let request = TrainRequest {
        trigger: Trigger::from_body(Definition::shipped(), body.as_bytes()),
        ..TrainRequest::default()
    };
    train(models, &request).await.outcome
}

/// Trains for the refinement of decision 2 after this many rows.
async fn refine(models: &ModelRegistry, rows: u32) -> TrainingOutcome {
    let request = TrainRequest {
        refinement: Some(refinement(rows)),
        ..TrainRequest::default()
    };
    train(models, &request).await.outcome
}

fn refinement(rows: u32) -> Refinement {
    Refinement {
        activation: 2,
        rows,
    }
}

/// The refinement that a process which has just started finds due, as its number of rows.
async fn due(store: &SqliteStore) -> Option<u32> {
    let due = Refiner::new(refine_at()).due(&replica(store).await).await;
    due.unwrap().map(|one| one.rows)
}

fn live(models: &ModelRegistry) -> String {
    models.live().get().unwrap().info.model_version.clone()
}

/// The decisions on refinements: rows, outcome.
async fn decided(store: &SqliteStore) -> Vec<(u32, TrainingOutcome)> {
    let log = store.entries_after(0).await.unwrap();
    let decided = log
        .iter()
        .filter_map(|entry| Some((entry.cause.refinement?.rows, entry.outcome)));
    decided.collect()
}

#[tokio::test]
async fn a_server_trains_again_as_rows_come() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        refine: RefineArgs {
            refine_at: refine_at(),
        },
        ..config()
    };
    let server = Server::start_in(dir.path(), config).await;
    let first = server.live().await;
    server.store_drift(&first).await;
    let report = server.train("/train", trigger(&first, 80)).await;
    let triggered = text(&report["ModelVersion"]);
    server.store_fish(&fish("walleye", 81, 84, &first)).await;
    server.store_fish(&fish("walleye", 85, 85, &first)).await;
    until(|| async {
        let live = server.json("/models/live").await;
        text(&live["LastRow"]).starts_with("85@")
    })
    .await;
    assert_eq!(decided(&server.store).await, [(5, Activated)]);
    let refined = server.json("/models/live").await;
    let cause =
        json!({ "Kind": "refined", "Refinement": { "Activation": 2, "Rows": 5 }, "Forced": false });
    for cause_of in [&refined, &refined["Decisions"][0]] {
        let mut found = cause_of["Cause"].clone();
        found
            .as_object_mut()
            .unwrap()
            .retain(|field, _| cause.get(field).is_some());
        assert_eq!(found, cause, "{refined}");
    }
    // A trigger that still names the trigger's version changes nothing.
    let report = server.train("/train", trigger(&triggered, 85)).await;
    assert_eq!(report["Outcome"], "superseded", "{report}");

    server.store_fish(&fish("walleye", 86, 140, &first)).await;
    until(|| async { decided(&server.store).await.len() == 2 }).await;
    server.stop().await;
    let store = SqliteStore::open(dir.path().join("store.sqlite"), Definition::shipped()).unwrap();
    assert_eq!(due(&store).await, None, "that was the last one");
}

#[tokio::test]
async fn a_refinement_is_due_when_its_rows_have_come() {
    let (store, models) = triggered().await;
    // A row that is older than the training rows is not new.
    let mut late = fish("walleye", 1, 1, "x");
    late[0]["_id"] = json!("late");
    store.fill(&late).await;
    store.fill(&fish("walleye", 81, 84, "x")).await;
    assert_eq!(due(&store).await, None);
    store.fill(&fish("walleye", 85, 85, "x")).await;
    assert_eq!(due(&store).await, Some(5));
    // If the process was down for a while, the last one has all rows.
    store.fill(&fish("walleye", 86, 99, "x")).await;
    assert_eq!(due(&store).await, Some(15));
    assert_eq!(refine(&models, 15).await, Activated);
    assert_eq!(due(&store).await, None);
    assert_eq!(
        Refiner::new(RefineAt::default())
            .due(&models)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_restart_repeats_no_refinement() {
    let (store, models) = triggered().await;
    store.fill(&fish("walleye", 81, 85, "x")).await;
    assert_eq!(refine(&models, 5).await, Activated);
    let refined = live(&models);
    assert_eq!(due(&store).await, None);
    store.fill(&fish("walleye", 86, 86, "x")).await;
    let restarted = replica(&store).await;
    assert_eq!(refine(&restarted, 5).await, Unchanged);
    assert_eq!(live(&restarted), refined);
    assert_eq!(decided(&store).await, [(5, Activated)]);
}

#[tokio::test]
async fn a_rejected_refinement_is_not_repeated_but_the_next_one_comes() {
    let (store, models) = triggered().await;
    let before = live(&models);
    let mut noise = fish("walleye", 81, 85, "x");
    for (number, row) in noise.iter_mut().enumerate() {
        row["ActualWeight"] = json!(if number % 2 == 0 { 0.5 } else { 30.0 });
    }
    store.fill(&noise).await;
    assert_eq!(refine(&models, 5).await, TrainingOutcome::Rejected);
    assert_eq!(live(&models), before);
    assert_eq!(due(&store).await, None);
    store.fill(&fish("walleye", 86, 95, "x")).await;
    assert_eq!(due(&store).await, Some(15));
}

#[tokio::test]
async fn a_version_left_by_a_crash_counts_as_refined() {
    let (store, models) = triggered().await;
    store.fill(&fish("walleye", 81, 85, "x")).await;
    // Another process fits the same rows, stores the version and stops.
    assert_eq!(refine(&models, 5).await, Activated);
    let mut version = store.version(&live(&models)).await.unwrap().unwrap();
    let (store, models) = triggered().await;
    store.fill(&fish("walleye", 81, 85, "x")).await;
    version.info.trained = EventTime::now();
    store.insert_version(&version).await.unwrap();
    models.decide_pending().await.unwrap();
    assert_eq!(decided(&store).await, [(5, Activated)]);
    assert_eq!(due(&store).await, None);
}

#[tokio::test]
async fn two_replicas_refine_once() {
    let (store, one) = triggered().await;
    let other = replica(&store).await;
    store.fill(&fish("walleye", 81, 85, "x")).await;
    // Both find the refinement due; the same rows, then different ones.
    tokio::join!(refine(&one, 5), refine(&other, 5));
    store.fill(&fish("walleye", 86, 95, "x")).await;
    tokio::join!(refine(&one, 15), async {
        store.fill(&fish("walleye", 96, 96, "x")).await;
        refine(&other, 15).await
    });
    for models in [&one, &other] {
        models.sync().await.unwrap();
    }
    assert_eq!(live(&one), live(&other));
    let decided = decided(&store).await;
    for rows in [5, 15] {
        let of_rows = decided.iter().filter(|(one, _)| *one == rows);
        assert_eq!(
            activated(of_rows.map(|(_, outcome)| *outcome)),
            1,
            "{decided:?}"
        );
    }
}

/// How many were activated; all others must be `unchanged`.
fn activated(outcomes: impl IntoIterator<Item = TrainingOutcome>) -> usize {
    let is_activated = |outcome: &TrainingOutcome| {
        assert!([Activated, Unchanged].contains(outcome), "{outcome}");
        *outcome == Activated
    };
    outcomes.into_iter().filter(is_activated).count()
}

#[tokio::test]
async fn a_pinned_version_is_not_refined() {
    let (store, models) = triggered().await;
    store.fill(&fish("walleye", 81, 85, "x")).await;
    assert_eq!(due(&store).await, Some(5));
    let before = live(&models);
    models.activate(&before, true).await.unwrap().unwrap();
    assert_eq!(due(&store).await, None);
    // The refinement had begun before the pin.
    assert_eq!(refine(&models, 5).await, Pinned);
    models.activate(&before, false).await.unwrap().unwrap();
    assert_eq!(due(&store).await, None, "a person chose the version");
    assert_eq!(refine(&models, 5).await, Superseded);
    assert_eq!(live(&models), before);
}

#[tokio::test]
async fn a_rollback_is_not_undone_by_a_refinement() {
    let (store, models) = triggered().await;
    let first = store.version_ids().await.unwrap().remove(0);
    store.fill(&fish("walleye", 81, 85, "x")).await;
    models.activate(&first, false).await.unwrap().unwrap();
    assert_eq!(due(&store).await, None);
    assert_eq!(refine(&models, 5).await, Superseded);
    assert_eq!(live(&models), first);
    assert_eq!(decided(&store).await, [], "nothing was trained");
}

#[tokio::test]
async fn a_trigger_during_a_refinement_begins_anew() {
    let (store, models) = triggered().await;
    let before = live(&models);
    store.fill(&fish("char", 81, 100, &before)).await;
    assert_eq!(due(&store).await, Some(15));
    // The trigger is decided first.
    assert_eq!(call(&models, &before, 100).await, Activated);
    let newer = live(&models);
    assert_eq!(refine(&models, 15).await, Superseded);
    assert_eq!(live(&models), newer);
    assert_eq!(due(&store).await, None, "no rows since then");
    store.fill(&fish("char", 101, 105, &newer)).await;
    let due = Refiner::new(refine_at())
        .due(&models)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((due.activation, due.rows), (3, 5));
}
