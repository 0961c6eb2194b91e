//! Training, and the decisions on trained versions.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use model_server::Config;
use model_server::metrics::Metrics;
use model_server::training::{TrainFailure, TrainRequest, Trainer, TrainingRule};
use model_store::{ModelRegistry, SqliteStore, Trigger};
use pipeline::Definition;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::harness::{
    Server, TestStore, config, drifted, fish, problem, send, text, trigger, until, within,
};

/// A server that waits up to 20 s for a row. The row of fish 80 is missing.
async fn patient_server() -> (Server, tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        row_wait_ms: 20_000,
        ..config()
    };
    let server = Server::start_in(dir.path(), config).await;
    let first = server.live().await;
    server.store_fish(&fish("salmon", 1, 60, &first)).await;
    server.store_fish(&fish("walleye", 61, 79, &first)).await;
    (server, dir, first)
}

/// Sends a training request in the background.
fn call(server: &Server, body: &Value) -> JoinHandle<reqwest::Result<reqwest::Response>> {
    tokio::spawn(server.post("/train").body(body.to_string()).send())
}

async fn report(call: JoinHandle<reqwest::Result<reqwest::Response>>) -> Value {
    let answer = within(call).await.unwrap().unwrap();
    answer.error_for_status().unwrap().json().await.unwrap()
}

fn weight(answer: &Value) -> f64 {
    answer["Weight"].as_f64().unwrap()
}

#[tokio::test]
async fn a_trigger_makes_a_model_of_the_newest_rows_live() {
    let (server, _dir, first) = drifted().await;
    let before = weight(&server.predict(81.0, 17.0, "walleye").await);
    let report = server.train("/train", trigger(&first, 80)).await;
    assert_eq!(report["Outcome"], "activated", "{report}");
    assert_eq!(report["Rows"], 50);
    assert_eq!(report["Species"], json!(["salmon", "walleye"]));
    assert!(text(&report["LastRow"]).starts_with("80@"));
    assert!(report["LooError"].as_f64() < report["ChampionError"].as_f64());

    let answer = server.predict(81.0, 17.0, "walleye").await;
    assert_eq!(answer["ModelVersion"], report["ModelVersion"]);
    assert_eq!(answer["UnseenSpecies"], false);
    let truth = 0.02 * 81.0 + 0.04 * 17.0;
    assert!((weight(&answer) - truth).abs() / truth < 0.05, "{answer}");
    assert!((before - truth) / truth > 0.5, "{before}");
    server.stop().await;
}

#[tokio::test]
async fn a_redelivered_trigger_is_superseded() {
    let (server, _dir, first) = drifted().await;
    let activated = server.train("/train", trigger(&first, 80)).await;
    let again = server.train("/train", trigger(&first, 80)).await;
    assert_eq!(again["Outcome"], "superseded");
    assert_eq!(again["ModelVersion"], activated["ModelVersion"]);
    assert_eq!(again["Rows"], Value::Null);
    let unchanged = server.train("/train", json!({})).await;
    assert_eq!(unchanged["Outcome"], "unchanged");
    assert_eq!(unchanged["ModelVersion"], activated["ModelVersion"]);
    assert_eq!(server.json("/models").await["Total"], 2);
    server.stop().await;
}

#[tokio::test]
async fn a_long_series_of_one_species_keeps_rows_of_others() {
    let (server, _dir, first) = drifted().await;
    server.store_fish(&fish("walleye", 81, 140, &first)).await;
    let report = server.train("/train", trigger(&first, 140)).await;
    assert_eq!(report["Rows"], 60);
    assert_eq!(report["Species"], json!(["salmon", "walleye"]));
    let truth = 0.05 * 88.0 + 0.01 * 19.0;
    assert!((weight(&server.predict(88.0, 19.0, "salmon").await) - truth).abs() / truth < 0.05);
    server.stop().await;
}

#[tokio::test]
async fn keep_per_group_0_uses_only_the_newest_rows() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        keep_per_group: 0,
        ..config()
    };
    let server = Server::start_in(dir.path(), config).await;
    let first = server.live().await;
    server.store_fish(&fish("salmon", 1, 60, &first)).await;
    server.store_fish(&fish("walleye", 61, 120, &first)).await;
    let report = server.train("/train?rows=30", json!({})).await;
    assert_eq!(
        (&report["Rows"], &report["Species"]),
        (&json!(30), &json!(["walleye"]))
    );
    server.stop().await;
}

#[tokio::test]
async fn invalid_rows_are_skipped_and_counted() {
    let (server, _dir, first) = drifted().await;
    let mut broken = fish("walleye", 81, 84, &first);
    broken[0]["Length"] = Value::Null;
    broken[1]["ActualWeight"] = json!(-1);
    broken[2]["Species"] = json!("");
    broken[3]["Height"] = json!("tall");
    server.store_fish(&broken).await;
    let report = server.train("/train", json!({})).await;
    assert_eq!(
        (&report["Rows"], &report["SkippedRows"]),
        (&json!(50), &json!(4))
    );
    assert!(text(&report["LastRow"]).starts_with("80@"));
    server.stop().await;
}

#[tokio::test]
async fn too_few_or_degenerate_rows_are_a_422() {
    let (server, _dir) = Server::start().await;
    let first = server.live().await;
    server.store_fish(&fish("salmon", 1, 9, &first)).await;
    let few = problem(server.post("/train"), 422).await;
    assert!(
        text(&few["detail"]).contains("9 valid rows are too few"),
        "{few}"
    );

    let mut alike = fish("salmon", 1, 30, &first);
    for row in &mut alike {
        row["Height"] = json!(19.0);
    }
    server.store_fish(&alike).await;
    let constant = problem(server.post("/train"), 422).await;
    assert!(
        text(&constant["detail"]).contains("`height` is constant"),
        "{constant}"
    );
    assert_eq!(server.live().await, first);
    server.stop().await;
}

/// Rows with an outlier, on which the first model has a smaller error.
async fn store_noise(server: &Server) {
    let mut rows = fish("salmon", 1, 40, "x");
    for (index, row) in rows.iter_mut().enumerate() {
        // One outlier in the length makes the leave-one-out error large.
        let outlier = if index == 20 { 400.0 } else { 0.0 };
        row["Length"] = json!(row["Length"].as_f64().unwrap() + outlier);
    }
    server.store_fish(&rows).await;
}

#[tokio::test]
async fn a_worse_challenger_is_rejected_unless_forced() {
    let (server, _dir) = Server::start().await;
    let first = server.live().await;
    store_noise(&server).await;
    let report = server.train("/train", json!({})).await;
    assert_eq!(report["Outcome"], "rejected", "{report}");
    let (loo, champion) = (
        report["LooError"].as_f64().unwrap(),
        report["ChampionError"].as_f64().unwrap(),
    );
    assert!(loo > champion * 1.1);
    assert_eq!(server.live().await, first);
    assert_eq!(
        server.train("/train", json!({})).await["Outcome"],
        "unchanged"
    );

    let forced = server.train("/train?force=true", json!({})).await;
    assert_eq!(forced["Outcome"], "activated");
    assert_eq!(server.live().await, text(&forced["ModelVersion"]));
    let decisions = server
        .json(&format!("/models/{}", text(&forced["ModelVersion"])))
        .await;
    let decisions = decisions["Decisions"].as_array().unwrap().clone();
    let verdicts: Vec<_> = decisions
        .iter()
        .map(|one| (&one["Verdict"], &one["Forced"]))
        .collect();
    assert_eq!(
        verdicts,
        [
            (&json!("rejected"), &json!(false)),
            (&json!("activated"), &json!(true))
        ]
    );
    assert_eq!(decisions[0]["Gate"]["LooError"], loo);
    server.stop().await;
}

#[tokio::test]
async fn a_redelivery_cannot_undo_a_rollback() {
    let (server, _dir, first) = drifted().await;
    let activated = server.train("/train", trigger(&first, 80)).await;
    server.activate(&first, "").await;
    // First with the same rows, then with new ones.
    for new in [
        fish("walleye", 0, 0, &first),
        fish("walleye", 81, 90, &first),
    ] {
        let again = server.train("/train", trigger(&first, 80)).await;
        assert_eq!(again["Outcome"], "unchanged");
        assert_eq!(again["ModelVersion"], activated["ModelVersion"]);
        let reason = text(&again["Reason"]);
        assert!(reason.ends_with("`activated` by decision 2"), "{reason}");
        assert_eq!(server.live().await, first);
        server.store_fish(&new).await;
    }
    assert_eq!(
        server.json("/models").await["Total"],
        2,
        "nothing is trained"
    );
    // Another window of the same version is another trigger. Force overrides the earlier decision.
    let other = server.train("/train", trigger(&first, 90)).await;
    assert_eq!(other["Outcome"], "activated");
    server.activate(&first, "").await;
    server.store_fish(&fish("walleye", 91, 95, &first)).await;
    let forced = server.train("/train?force=true", trigger(&first, 80)).await;
    assert_eq!(forced["Outcome"], "activated");
    server.stop().await;
}

#[tokio::test]
async fn a_trigger_without_a_window_is_never_a_redelivery() {
    let (server, _dir, first) = drifted().await;
    for (last_fish, newer) in [(90, 81), (100, 91)] {
        let report = server.train("/train", json!({"ModelVersion": first})).await;
        assert_eq!(report["Outcome"], "activated", "{report}");
        server.activate(&first, "").await;
        let rows = fish("walleye", newer, last_fish, &first);
        server.store_fish(&rows).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_window_with_another_mean_error_is_another_trigger() {
    let (server, _dir, first) = drifted().await;
    server.train("/train", trigger(&first, 80)).await;
    server.activate(&first, "").await;
    server.store_fish(&fish("walleye", 81, 90, &first)).await;
    let mut other = trigger(&first, 80);
    other["ErrorAvg"] = json!(0.32);
    let report = server.train("/train", other).await;
    assert_eq!(report["Outcome"], "activated", "{report}");
    server.stop().await;
}

#[tokio::test]
async fn a_superseded_trigger_is_final_even_after_a_rollback() {
    let (server, _dir, first) = drifted().await;
    server.train("/train", trigger(&first, 80)).await;
    server.store_fish(&fish("walleye", 81, 90, &first)).await;
    let late = server.train("/train", trigger(&first, 90)).await;
    assert_eq!(late["Outcome"], "superseded");
    server.activate(&first, "").await;
    let again = server.train("/train", trigger(&first, 90)).await;
    assert_eq!(again["Outcome"], "unchanged");
    assert_eq!(server.live().await, first);
    server.stop().await;
}

#[tokio::test]
async fn a_pinned_version_stays_live_until_it_is_unpinned() {
    let (server, _dir, first) = drifted().await;
    server.activate(&first, "?pin=true").await;
    assert_eq!(server.json("/models/live").await["Pinned"], true);
    assert_eq!(
        server.train("/train", trigger(&first, 80)).await["Outcome"],
        "pinned"
    );
    assert_eq!(
        server.train("/train?force=true", json!({})).await["Outcome"],
        "pinned"
    );
    assert_eq!(server.live().await, first);

    server.activate(&first, "?pin=false").await;
    // The redelivered trigger trains now: while the version was pinned, nothing was trained for it.
    assert_eq!(
        server.train("/train", trigger(&first, 80)).await["Outcome"],
        "activated"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_trigger_waits_for_the_last_row_of_its_window() {
    let (server, _dir, first) = patient_server().await;
    // A fish with the same number, predicted by another version, is from an earlier run.
    let mut older = fish("salmon", 80, 80, "another");
    older[0]["_id"] = json!("80@2020-01-01T00:00:00.000Z");
    older[0]["Timestamp"] = json!("2020-01-01T00:00:00.000Z");
    server.store_fish(&older).await;
    let training = call(&server, &trigger(&first, 80));
    until(|| server.metric("catchweight_training_calls_total 1")).await;
    assert!(!training.is_finished());
    server.store_fish(&fish("walleye", 80, 80, &first)).await;
    let report = report(training).await;
    assert_eq!(report["Outcome"], "activated");
    assert!(text(&report["LastRow"]).starts_with("80@2021"), "{report}");
    server.stop().await;
}

#[tokio::test]
async fn a_trigger_whose_row_does_not_arrive_is_a_503() {
    let (server, _dir, first) = drifted().await;
    let request = server.post("/train").body(trigger(&first, 81).to_string());
    let problem = problem(request, 503).await;
    assert_eq!(problem["type"], "urn:catchweight:problem:row-not-stored");
    assert_eq!(server.live().await, first);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_disconnects_does_not_stop_its_training() {
    let (server, _dir, first) = patient_server().await;
    let body = trigger(&first, 80).to_string();
    let mut connection = TcpStream::connect(server.url.trim_start_matches("http://"))
        .await
        .unwrap();
    let head = format!(
        "POST /train HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    connection
        .write_all(format!("{head}{body}").as_bytes())
        .await
        .unwrap();
    until(|| server.metric("catchweight_training_calls_total 1")).await;
    drop(connection);
    until(|| server.metric("catchweight_http_requests_in_flight 0")).await;
    assert_eq!(server.live().await, first);
    server.store_fish(&fish("walleye", 80, 80, &first)).await;
    until(|| async { server.live().await != first }).await;
    until(|| server.metric(r#"catchweight_trainings_total{outcome="activated"} 1"#)).await;
    server.stop().await;
}

#[tokio::test]
async fn calls_with_the_same_request_share_one_training() {
    let (server, _dir, first) = patient_server().await;
    let calls = [(); 3].map(|()| call(&server, &trigger(&first, 80)));
    until(|| server.metric("catchweight_training_calls_total 3")).await;
    server.store_fish(&fish("walleye", 80, 80, &first)).await;
    let mut answers = Vec::new();
    for call in calls {
        answers.push(report(call).await);
    }
    assert_eq!(answers[0]["Outcome"], "activated");
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    let once = r#"catchweight_trainings_total{outcome="activated"} 1"#;
    assert!(server.metric(once).await);
    server.stop().await;
}

#[tokio::test]
async fn a_training_that_waits_for_a_row_does_not_block_others() {
    let (server, _dir, first) = patient_server().await;
    let waiting = call(&server, &trigger(&first, 80));
    until(|| server.metric("catchweight_training_calls_total 1")).await;
    let other = server.train("/train", json!({})).await;
    assert_eq!(other["Outcome"], "activated");
    assert!(!waiting.is_finished());
    server.store_fish(&fish("walleye", 80, 80, &first)).await;
    let report = report(waiting).await;
    assert_eq!(report["Outcome"], "superseded");
    assert_eq!(report["ModelVersion"], other["ModelVersion"]);
    assert_eq!(server.live().await, text(&other["ModelVersion"]));
    server.stop().await;
}

#[tokio::test]
async fn the_number_of_pending_trainings_is_bounded() {
    let store = SqliteStore::open(":memory:", Definition::shipped()).unwrap();
    let models = ModelRegistry::new(Arc::new(store.clone()));
    let mut registry = service_runtime::ops::registry();
    let metrics = Metrics::register(&mut registry, Definition::shipped(), models.live().clone());
    let rule = TrainingRule {
        newest: 50,
        most: 5_000,
        keep_per_group: 10,
        row_wait: Duration::from_secs(20),
        keep_versions: 10,
    };
    let trainer = Trainer::new(models, rule, metrics).unwrap();
    let request = |rows| TrainRequest {
        trigger: Trigger::from_body(Definition::shipped(), br#"{"Fish_Id_End":"60"}"#),
        rows: Some(rows),
        ..TrainRequest::default()
    };
    // Each training waits for a row and continues after its caller has disconnected.
    for rows in 0..64 {
        let call = trainer.train(request(rows));
        assert!(call.now_or_never().is_none(), "it waits for a row");
    }
    let error = within(trainer.train(request(64))).await.unwrap_err();
    assert!(matches!(*error, TrainFailure::Busy), "{error}");
    let mut encoded = String::new();
    prometheus_client::encoding::text::encode(&mut encoded, &registry).unwrap();
    let busy = r#"catchweight_trainings_total{outcome="busy"} 1"#;
    assert!(encoded.lines().any(|line| line == busy), "{encoded}");
    store.fill(&fish("salmon", 1, 60, "x")).await;
    within(trainer.finish()).await;
    let accepted = within(trainer.train(request(64))).await.unwrap();
    assert_eq!(accepted.rows, Some(60));
}

#[tokio::test]
async fn no_prediction_fails_while_models_are_swapped() {
    let (server, _dir, first) = drifted().await;
    let trained = text(&server.train("/train", trigger(&first, 80)).await["ModelVersion"]);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let request = server.get("/prediction?length=81&height=17&species=walleye");
            let stopped = stopped.clone();
            let versions = [first.clone(), trained.clone()];
            tokio::spawn(async move {
                let mut answers = 0;
                while !*stopped.borrow() {
                    let answer = request.try_clone().unwrap().send().await.unwrap();
                    let answer: Value = answer.error_for_status().unwrap().json().await.unwrap();
                    // The weight and the version come from the same model.
                    let is_trained = answer["ModelVersion"] == versions[1].as_str();
                    assert!(is_trained || answer["ModelVersion"] == versions[0].as_str());
                    assert_eq!(
                        is_trained,
                        answer["Weight"].as_f64().unwrap() < 3.0,
                        "{answer}"
                    );
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    for round in 0..20 {
        let target = if round % 2 == 0 { &first } else { &trained };
        let activated = send(server.post(&format!("/models/{target}/activate"))).await;
        activated.error_for_status().unwrap();
    }
    stop.send_replace(true);
    for client in clients {
        assert!(within(client).await.unwrap() > 0);
    }
    server.stop().await;
}
