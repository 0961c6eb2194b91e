//! The log of decisions: what became of each trigger is to be found in it, once.

use serde_json::{Value, json};

use crate::harness::{Server, fish, send, text, trigger};

/// A server that has seen 60 salmon and 20 walleye.
async fn drifted() -> (Server, tempfile::TempDir, String) {
    let (server, dir) = Server::start().await;
    let first = server.live().await;
    server.store_fish(&fish("salmon", 1, 60, &first)).await;
    server.store_fish(&fish("walleye", 61, 80, &first)).await;
    (server, dir, first)
}

async fn activate(server: &Server, version: &str, query: &str) {
    let request = server.post(&format!("/models/{version}/activate{query}"));
    send(request).await.error_for_status().unwrap();
}

/// The verdicts on a version that a trigger caused, with the last fish of its window.
async fn verdicts(server: &Server, version: &str) -> Vec<(String, String)> {
    let version = server.json(&format!("/models/{version}")).await;
    let entries = version["Decisions"].as_array().unwrap();
    let of_triggers = entries
        .iter()
        .filter(|one| one["Cause"]["Kind"] == "trigger");
    of_triggers
        .map(|one| {
            let last_fish = &one["Cause"]["Trigger"]["Fish_Id_End"];
            (text(&one["Verdict"]), text(last_fish))
        })
        .collect()
}

fn pair(verdict: &str, last_fish: &str) -> (String, String) {
    (verdict.into(), last_fish.into())
}

#[tokio::test]
async fn a_trigger_that_comes_while_a_version_is_held_is_pinned_in_the_log_once() {
    let (server, _dir, first) = drifted().await;
    activate(&server, &first, "?pin=true").await;
    for last_fish in [80, 80, 79, 80] {
        let report = server.train("/train", trigger(&first, last_fish)).await;
        assert_eq!(report["Outcome"], "pinned");
    }
    // A call that names no version has its answer and needs no entry.
    assert_eq!(server.train("/train", json!({})).await["Outcome"], "pinned");
    assert_eq!(
        verdicts(&server, &first).await,
        [pair("pinned", "80"), pair("pinned", "79")]
    );
    server.stop().await;
}

#[tokio::test]
async fn a_trigger_about_an_older_version_is_superseded_in_the_log_of_the_live_one() {
    let (server, _dir, first) = drifted().await;
    let report = server.train("/train", trigger(&first, 80)).await;
    let live = text(&report["ModelVersion"]);
    // The one that led to this version has its answer; another window's has one of its own.
    for last_fish in [80, 81, 81] {
        let report = server.train("/train", trigger(&first, last_fish)).await;
        assert_eq!(report["Outcome"], "superseded");
        assert_eq!(report["ModelVersion"], live.as_str());
    }
    let expected = [pair("activated", "80"), pair("superseded", "81")];
    assert_eq!(verdicts(&server, &live).await, expected);
    server.stop().await;
}

#[tokio::test]
async fn a_trigger_that_finds_rows_that_were_decided_on_is_unchanged_in_their_versions_log() {
    let (server, _dir, first) = drifted().await;
    let trained = text(&server.train("/train", trigger(&first, 80)).await["ModelVersion"]);
    activate(&server, &first, "").await;
    // Delivered again after the rollback: answered already. Another one about the same rows is not.
    for last_fish in [80, 79, 79] {
        let report = server.train("/train", trigger(&first, last_fish)).await;
        assert_eq!(report["Outcome"], "unchanged");
        assert_eq!(report["ModelVersion"], trained.as_str());
    }
    let expected = [pair("activated", "80"), pair("unchanged", "79")];
    assert_eq!(verdicts(&server, &trained).await, expected);
    assert_eq!(server.live().await, first);
    server.stop().await;
}

#[tokio::test]
async fn however_many_triggers_come_while_a_version_is_held_its_log_is_bounded() {
    let (server, _dir, first) = drifted().await;
    activate(&server, &first, "?pin=true").await;
    for last_fish in 1_000..2_100 {
        let report: Value = server.train("/train", trigger(&first, last_fish)).await;
        assert_eq!(report["Outcome"], "pinned");
    }
    let version = server.json(&format!("/models/{first}")).await;
    assert_eq!(version["Decisions"].as_array().unwrap().len(), 1_000);
    // It can still be released, and what is shown stays bounded.
    activate(&server, &first, "?pin=false").await;
    let version = server.json(&format!("/models/{first}")).await;
    let shown = version["Decisions"].as_array().unwrap();
    assert_eq!(shown.len(), 1_000);
    assert_eq!(shown[999]["Verdict"], "activated");
    let report = server.train("/train", trigger(&first, 80)).await;
    assert_eq!(report["Outcome"], "activated", "{report}");
    server.stop().await;
}
