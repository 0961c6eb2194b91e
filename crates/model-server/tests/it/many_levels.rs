//! Trainings on many levels, on rows of other writers, and on rows that cannot be used.

use serde_json::{Value, json};

use crate::harness::{Server, fish, problem, text};

/// Rows whose levels alternate: level `id % levels`.
fn alternating(levels: u32, from: u32, to: u32, version: &str) -> Vec<Value> {
    let mut rows = fish("salmon", from, to, version);
    for (row, id) in rows.iter_mut().zip(from..) {
        row["Species"] = json!(format!("kind {}", id % levels));
    }
    rows
}

fn left_out(version: &Value) -> usize {
    let levels = &version["LeftOut"][0]["Levels"];
    levels.as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn a_training_takes_as_many_rows_as_its_columns_need() {
    let (server, _dir) = Server::start().await;
    let first = server.live().await;
    // 20 levels need 3 * (1 + 2 + 19) = 66 rows, more than the 50 newest.
    server.store_fish(&alternating(20, 1, 400, &first)).await;
    let report = server.train("/train?force=true", json!({})).await;
    assert_eq!(report["Outcome"], "activated");
    assert_eq!(report["Rows"], 66);
    let version = text(&report["ModelVersion"]);
    let version = server.json(&format!("/models/{version}")).await;
    assert_eq!(left_out(&version), 0);
    server.stop().await;
}

#[tokio::test]
async fn levels_with_the_fewest_rows_are_left_out_until_it_fits() {
    let (server, _dir) = Server::start().await;
    let first = server.live().await;
    // 60 rows cannot have 40 levels; half of the rows are of one level.
    let mut rows = alternating(40, 1, 60, &first);
    for row in rows.iter_mut().step_by(2) {
        row["Species"] = json!("salmon");
    }
    server.store_fish(&rows).await;
    let report = server.train("/train?force=true", json!({})).await;
    assert_eq!(
        (&report["Outcome"], &report["Rows"]),
        (&json!("activated"), &json!(60))
    );
    let live = server.json("/models/live").await;
    let left_out = &live["LeftOut"][0];
    assert_eq!(left_out["Column"], "species");
    let levels = left_out["Levels"].as_array().unwrap();
    assert!(
        !levels.is_empty() && !levels.contains(&json!("salmon")),
        "{levels:?}"
    );
    let level = text(&levels[0]);
    let answer = server.predict(86.0, 18.0, &level.replace(' ', "+")).await;
    assert_eq!(answer["UnseenSpecies"], true);
    assert_eq!(
        server.predict(86.0, 18.0, "salmon").await["UnseenSpecies"],
        false
    );
    server.stop().await;
}

#[tokio::test]
async fn a_trigger_that_cannot_be_trained_is_decided_once() {
    let (server, _dir) = Server::start().await;
    let first = server.live().await;
    server.store_fish(&fish("salmon", 1, 9, &first)).await;
    let trigger = |last: u32| {
        json!({
            "ModelVersion": first, "Fish_Id_Start": "1", "Fish_Id_End": last.to_string(), "ErrorAvg": 0.3
        })
    };
    let report = server.train("/train", trigger(9)).await;
    assert_eq!(report["Outcome"], "not_trainable");
    let reason = text(&report["Reason"]);
    assert!(
        reason.contains("9 valid rows are too few, expected at least 10"),
        "{reason}"
    );
    assert_eq!(
        server.train("/train", trigger(9)).await["Outcome"],
        "unchanged"
    );
    let decisions = server.json(&format!("/models/{first}")).await;
    let decisions = decisions["Decisions"].as_array().unwrap().len();
    assert_eq!(decisions, 2, "the activation and the trigger");
    // The next trigger has more rows.
    server.store_fish(&fish("salmon", 10, 40, &first)).await;
    let report = server.train("/train", trigger(40)).await;
    assert_ne!(report["Outcome"], "not_trainable");
    server.stop().await;
}

/// Rows as the original pipeline stores them: no key, no version, and an id and a time of MongoDB.
fn foreign(count: u32) -> Vec<(String, Value)> {
    let rows = fish("salmon", 1, count, "x");
    (0_u32..)
        .zip(rows)
        .map(|(id, mut row)| {
            let fields = row.as_object_mut().unwrap();
            fields.remove("Fish_Id");
            fields.remove("ModelVersion");
            let oid = format!("{id:024x}");
            row["_id"] = json!({ "$oid": oid });
            row["Timestamp"] = json!({ "$date": text(&row["Timestamp"]) });
            (oid, row)
        })
        .collect()
}

#[tokio::test]
async fn rows_of_other_writers_train_also_for_a_trigger_without_a_version() {
    let (server, _dir) = Server::start().await;
    let rows = server
        .store
        .replace_many("Weight", "TrainingData", foreign(75));
    rows.await.unwrap();
    let trigger = json!({ "Fish_Id_Start": "46", "Fish_Id_End": "75", "ErrorAvg": 0.3 });
    let report = server.train("/train", trigger).await;
    assert_eq!(report["Rows"], 50);
    assert_eq!(report["LastRow"], format!("{:024x}", 74));
    assert_eq!(report.get("SkippedReasons"), None);
    server.stop().await;
}

#[tokio::test]
async fn skipped_rows_are_counted_by_reason() {
    let (server, _dir) = Server::start().await;
    let mut rows = fish("salmon", 1, 75, "x");
    for row in &mut rows {
        row["Timestamp"] = json!("yesterday");
    }
    server.store_fish(&rows).await;
    let refused = problem(server.post("/train"), 422).await;
    let detail = text(&refused["detail"]);
    let expected = "75 rows skipped: 75 x `Timestamp` is not a time";
    assert!(
        detail.contains(expected) && !detail.contains("wait"),
        "{detail}"
    );

    server.store_fish(&fish("salmon", 101, 160, "x")).await;
    let report = server.train("/train", json!({})).await;
    assert_eq!(
        report["SkippedReasons"],
        json!({ "`Timestamp` is not a time": 75 })
    );
    let metric = "catchweight_training_skipped_rows_total{reason=\"`Timestamp` is not a time\"} 75";
    assert!(server.metric(metric).await);
    server.stop().await;
}
