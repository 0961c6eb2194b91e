//! The decision log records the outcome of each trigger once.

use model_store::{Cause, LogEntry, Store, Trigger};
use pipeline::Definition;
use serde_json::json;

use crate::harness::{Server, drifted, text, trigger};

/// The outcomes of triggers on a version, with the last fish of each window.
async fn outcomes(server: &Server, version: &str) -> Vec<(String, String)> {
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

fn pair(outcome: &str, last_fish: &str) -> (String, String) {
    (outcome.into(), last_fish.into())
}

#[tokio::test]
async fn a_trigger_for_a_pinned_version_is_recorded_once() {
    let (server, _dir, first) = drifted().await;
    server.activate(&first, "?pin=true").await;
    for last_fish in [80, 80, 79, 80] {
        let report = server.train("/train", trigger(&first, last_fish)).await;
        assert_eq!(report["Outcome"], "pinned");
    }
    // A call without a trigger is answered but not recorded.
    assert_eq!(server.train("/train", json!({})).await["Outcome"], "pinned");
    assert_eq!(
        outcomes(&server, &first).await,
        [pair("pinned", "80"), pair("pinned", "79")]
    );
    server.stop().await;
}

#[tokio::test]
async fn a_superseded_trigger_is_recorded_on_the_live_version() {
    let (server, _dir, first) = drifted().await;
    let report = server.train("/train", trigger(&first, 80)).await;
    let live = text(&report["ModelVersion"]);
    // The first window's trigger already has a log entry. The second window's trigger gets one.
    for last_fish in [80, 81, 81] {
        let report = server.train("/train", trigger(&first, last_fish)).await;
        assert_eq!(report["Outcome"], "superseded");
        assert_eq!(report["ModelVersion"], live.as_str());
    }
    let expected = [pair("activated", "80"), pair("superseded", "81")];
    assert_eq!(outcomes(&server, &live).await, expected);
    server.stop().await;
}

#[tokio::test]
async fn a_new_trigger_on_decided_rows_is_recorded_as_unchanged() {
    let (server, _dir, first) = drifted().await;
    let trained = text(&server.train("/train", trigger(&first, 80)).await["ModelVersion"]);
    server.activate(&first, "").await;
    // The redelivered trigger already has a log entry. A new trigger on the same rows gets one.
    for last_fish in [80, 79, 79] {
        let report = server.train("/train", trigger(&first, last_fish)).await;
        assert_eq!(report["Outcome"], "unchanged");
        assert_eq!(report["ModelVersion"], trained.as_str());
    }
    let expected = [pair("activated", "80"), pair("unchanged", "79")];
    assert_eq!(outcomes(&server, &trained).await, expected);
    assert_eq!(server.live().await, first);
    server.stop().await;
}

#[tokio::test]
async fn the_log_on_a_pinned_version_is_bounded() {
    let (server, _dir, first) = drifted().await;
    server.activate(&first, "?pin=true").await;
    for last_fish in [1_000, 1_001] {
        let report = server.train("/train", trigger(&first, last_fish)).await;
        assert_eq!(report["Outcome"], "pinned");
    }
    // Append the entries of further triggers directly, without one request for each.
    let recorded = server.store.last_entry().await.unwrap().unwrap();
    for number in recorded.sequence + 1..=995 {
        let body = trigger(&first, 1_000 + number as u32).to_string();
        let entry = LogEntry {
            sequence: number,
            cause: Cause::of(Trigger::from_body(Definition::shipped(), body.as_bytes())),
            ..recorded.clone()
        };
        assert!(server.store.append(&entry).await.unwrap());
    }
    for last_fish in 3_000..3_010 {
        let report = server.train("/train", trigger(&first, last_fish)).await;
        assert_eq!(report["Outcome"], "pinned");
    }
    let recorded = server.store.last_entry().await.unwrap().unwrap();
    assert_eq!(recorded.sequence, 1_000);
    let version = server.json(&format!("/models/{first}")).await;
    assert_eq!(version["Decisions"].as_array().unwrap().len(), 1_000);
    // The version can still be unpinned, and the list stays bounded.
    server.activate(&first, "?pin=false").await;
    let version = server.json(&format!("/models/{first}")).await;
    let decisions = version["Decisions"].as_array().unwrap();
    assert_eq!(decisions.len(), 1_000);
    assert_eq!(decisions[999]["Verdict"], "activated");
    let report = server.train("/train", trigger(&first, 80)).await;
    assert_eq!(report["Outcome"], "activated", "{report}");
    server.stop().await;
}
