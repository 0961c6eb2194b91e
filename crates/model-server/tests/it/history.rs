//! The history of versions: reading, restarts, pending decisions, pruning, replicas.

use model_server::Config;
use model_server::training::{Skipped, train_version};
use model_store::Store;
use model_store::StoreAddress;
use model_store::features::TrainingRow;
use model_store::{Cause, Trigger};
use pipeline::Definition;
use serde_json::{Value, json};

use crate::harness::{Server, config, fish, problem, reference, send, text, trigger, until};

fn rows(from: u32, to: u32) -> Vec<TrainingRow> {
    let rows = fish("salmon", from, to, "x");
    rows.iter()
        .map(|row| TrainingRow::from_document(Definition::shipped(), row).unwrap())
        .collect()
}

#[tokio::test]
async fn a_version_has_coefficients_rows_cause_and_decisions() {
    let (server, _dir) = Server::start().await;
    let first = server.live().await;
    server.store_drift(&first).await;
    let report = server.train("/train", trigger(&first, 80)).await;
    let version = server
        .json(&format!("/models/{}", text(&report["ModelVersion"])))
        .await;
    let decision = &version["Decisions"][0];
    assert_eq!(
        (&version["Live"], &version["Rows"]),
        (&json!(true), &json!(50))
    );
    assert_eq!(version["Cause"]["Trigger"], trigger(&first, 80));
    assert_eq!(decision["Gate"]["Champion"], first.as_str());
    assert_eq!(decision["Gate"]["LooError"], report["LooError"]);
    assert_eq!(decision["Gate"]["ChampionError"], report["ChampionError"]);
    let terms: Vec<_> = version["Summary"]["Coefficients"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["Term"])
        .collect();
    assert_eq!(terms, ["(Intercept)", "length", "height", "specieswalleye"]);
    assert_eq!(
        version["PooledSummary"]["Formula"],
        "weight ~ length + height"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_version_as_text_is_the_output_of_r() {
    let (server, _dir) = Server::start().await;
    let first = server.live().await;
    let as_text = |name: &str| {
        let call = server.get(&format!("/models/{name}"));
        call.header("accept", "text/plain")
    };
    let summary = send(as_text("live")).await.text().await.unwrap();
    let by_id = send(as_text(&first)).await.text().await.unwrap();
    assert_eq!(by_id, summary);
    let expected = std::fs::read_to_string(reference("summary/salmon-100.txt")).unwrap();
    // The `Call:` part differs: R's names another data set.
    let from_residuals = |text: &str| {
        text[text.find("Residuals:").unwrap()..]
            .trim_end()
            .to_owned()
    };
    assert_eq!(from_residuals(&summary), from_residuals(&expected));
    server.stop().await;
}

#[tokio::test]
async fn the_rows_of_a_version_train_to_the_same_version() {
    let (server, dir) = Server::start().await;
    let first = server.live().await;
    server.store_fish(&fish("salmon", 1, 30, &first)).await;
    server.store_fish(&fish("walleye", 31, 80, &first)).await;
    let version = text(&server.train("/train", json!({})).await["ModelVersion"]);
    let csv = send(server.get(&format!("/models/{version}/rows"))).await;
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    let file = dir.path().join("rows.csv");
    std::fs::write(&file, csv.text().await.unwrap()).unwrap();
    server.stop().await;

    let other = tempfile::tempdir().unwrap();
    let server = Server::start_in(
        other.path(),
        Config {
            training_data: Some(file),
            ..config()
        },
    )
    .await;
    assert_eq!(server.live().await, version);
    server.stop().await;
}

#[tokio::test]
async fn a_restart_keeps_the_live_version() {
    let (server, dir) = Server::start().await;
    server.store_fish(&fish("salmon", 1, 60, "x")).await;
    let trained = text(&server.train("/train?force=true", json!({})).await["ModelVersion"]);
    let answer = server.predict(86.37, 18.74, "salmon").await;
    server.stop().await;
    let server = Server::start_in(dir.path(), config()).await;
    assert_eq!(server.live().await, trained);
    assert_eq!(server.predict(86.37, 18.74, "salmon").await, answer);
    assert_eq!(server.json("/models").await["Total"], 2);
    server.stop().await;
}

#[tokio::test]
async fn the_next_start_decides_on_versions_left_by_a_crash() {
    let (server, dir) = Server::start().await;
    let first = server.live().await;
    let store = server.store.clone();
    server.stop().await;
    let now = pipeline::EventTime::now();
    let good = train_version(
        Definition::shipped(),
        rows(1, 50),
        &Skipped::default(),
        Cause::of(None),
        now,
    )
    .unwrap();
    store.insert_version(&good).await.unwrap();
    // Its trigger names a version that is no longer live.
    let stale = Trigger::from_body(Definition::shipped(), br#"{"ModelVersion":"gone"}"#);
    let cause = Cause::of(stale);
    let late = train_version(
        Definition::shipped(),
        rows(51, 100),
        &Skipped::default(),
        cause,
        now,
    )
    .unwrap();
    store.insert_version(&late).await.unwrap();

    let server = Server::start_in(dir.path(), config()).await;
    assert_eq!(server.live().await, good.info.model_version);
    let path = |id: &str| format!("/models/{id}");
    let good = server.json(&path(&good.info.model_version)).await;
    assert_eq!(good["Decisions"][0]["Verdict"], "activated");
    assert_eq!(good["Decisions"][0]["Gate"]["Champion"], first.as_str());
    let late = server.json(&path(&late.info.model_version)).await;
    assert_eq!(late["Decisions"][0]["Verdict"], "superseded");
    server.stop().await;
}

#[tokio::test]
async fn a_version_left_by_a_crash_keeps_its_force_flag() {
    let (server, dir) = Server::start().await;
    let store = server.store.clone();
    server.stop().await;
    // The gate rejects a version with this outlier.
    let mut outlier = rows(1, 40);
    outlier[20].numbers[0] += 400.0;
    let now = pipeline::EventTime::now();
    let forced = train_version(
        Definition::shipped(),
        outlier,
        &Skipped::default(),
        Cause::of(None).forced(true),
        now,
    )
    .unwrap();
    let mut stale = train_version(
        Definition::shipped(),
        rows(51, 100),
        &Skipped::default(),
        Cause::of(None),
        now,
    )
    .unwrap();
    stale.info.trained = now.before(std::time::Duration::from_secs(3_600));
    for version in [&stale, &forced] {
        store.insert_version(version).await.unwrap();
    }
    let server = Server::start_in(dir.path(), config()).await;
    let live = server.json("/models/live").await;
    assert_eq!(live["ModelVersion"], forced.info.model_version.as_str());
    assert_eq!(live["Decisions"][0]["Forced"], true);
    assert_eq!(live["Decisions"][0]["Reason"], "forced past the gate");
    let path = format!("/models/{}", stale.info.model_version);
    let stale = server.json(&path).await;
    assert_eq!(stale["Decisions"][0]["Verdict"], "superseded");
    server.stop().await;
}

#[tokio::test]
async fn the_history_is_paged_newest_first() {
    let (server, _dir) = Server::start().await;
    let mut expected = vec![server.live().await];
    for rows in [20, 25, 30, 35] {
        server.store_fish(&fish("salmon", 1, 60, "x")).await;
        let report = server
            .train(&format!("/train?rows={rows}&force=true"), json!({}))
            .await;
        expected.insert(0, text(&report["ModelVersion"]));
    }
    let mut found = Vec::new();
    let mut next = Some("/models?limit=2".to_owned());
    while let Some(path) = next {
        let page = server.json(&path).await;
        assert_eq!(page["Total"], 5);
        found.extend(
            page["Models"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| text(&one["ModelVersion"])),
        );
        next = page["Next"].as_str().map(str::to_owned);
    }
    assert_eq!(found, expected);
    server.stop().await;
}

#[tokio::test]
async fn old_versions_are_deleted_unless_live_within_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(
        dir.path(),
        Config {
            keep_versions: 2,
            ..config()
        },
    )
    .await;
    let first = server.live().await;
    server.store_fish(&fish("salmon", 1, 60, &first)).await;
    // The rejected version is deleted. The two versions that were live today are kept.
    let mut outliers = fish("salmon", 61, 100, &first);
    outliers[20]["Length"] = json!(500.0);
    server.store_fish(&outliers).await;
    let rejected: Value = server.train("/train?rows=40", json!({})).await;
    assert_eq!(rejected["Outcome"], "rejected");
    let forced = server.train("/train?rows=15&force=true", json!({})).await;
    assert_eq!(forced["Outcome"], "activated");
    let deleted = format!("/models/{}", text(&rejected["ModelVersion"]));
    until(|| async { send(server.get(&deleted)).await.status() == 404 }).await;
    problem(server.get(&format!("{deleted}/rows")), 404).await;
    assert_eq!(
        server.json(&format!("/models/{first}")).await["Live"],
        false
    );
    assert_eq!(
        server.train("/train?rows=40", json!({})).await["Outcome"],
        "unchanged",
        "the log entry is kept"
    );
    server.stop().await;
}

#[tokio::test]
async fn two_servers_on_one_file_have_the_same_live_version() {
    let (one, dir) = Server::start().await;
    let other = Server::start_in(dir.path(), config()).await;
    let first = one.live().await;
    one.store_drift(&first).await;
    let body = trigger(&first, 80).to_string();
    let (a, b) = tokio::join!(
        send(one.post("/train").body(body.clone())),
        send(other.post("/train").body(body.clone()))
    );
    for answer in [a, b] {
        answer.error_for_status().unwrap();
    }
    assert_eq!(one.json("/models").await["Total"], 2);
    until(|| async { one.live().await == other.live().await }).await;
    let decisions = one.json("/models/live").await;
    assert_eq!(decisions["Decisions"][0]["Sequence"], 2, "{decisions}");
    one.stop().await;
    other.stop().await;
}

/// Two replicas train concurrently on different rows. Checks that the later decision compares with the
/// version that the earlier one made live.
pub(crate) async fn check_decisions_are_in_order(one: &Server, other: &Server) {
    let first = one.live().await;
    let (a, b) = tokio::join!(
        one.train("/train?rows=40", json!({})),
        other.train("/train?rows=20", json!({}))
    );
    let mut decided = Vec::new();
    for report in [a, b] {
        let version = text(&report["ModelVersion"]);
        let decision = one.json(&format!("/models/{version}")).await["Decisions"][0].clone();
        assert_eq!(decision["Verdict"], report["Outcome"]);
        decided.push((decision["Sequence"].as_u64().unwrap(), version, decision));
    }
    decided.sort_by_key(|(sequence, ..)| *sequence);
    let [(2, earlier, first_decision), (3, later, second_decision)] = &decided[..] else {
        panic!("{decided:?}")
    };
    // The first model knows only salmon, but the rows are of walleye.
    assert_eq!(first_decision["Verdict"], "activated");
    assert_eq!(first_decision["Gate"]["Champion"], first.as_str());
    assert_eq!(second_decision["Gate"]["Champion"], earlier.as_str());
    let passed = second_decision["Verdict"] == "activated";
    let last = if passed { later } else { earlier };
    until(|| async { one.live().await == *last && other.live().await == *last }).await;
}

#[tokio::test]
async fn concurrent_trainings_are_decided_one_after_the_other() {
    let (one, dir) = Server::start().await;
    let other = Server::start_in(dir.path(), config()).await;
    one.store_fish(&fish("walleye", 1, 60, "x")).await;
    check_decisions_are_in_order(&one, &other).await;
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_training_file_that_cannot_be_fitted_is_a_usage_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("few.csv");
    std::fs::write(&file, "species,length,height,weight\nsalmon,80,18,4\n").unwrap();
    let config = Config {
        training_data: Some(file),
        store: StoreAddress::Sqlite(dir.path().join("store.sqlite")),
        ..config()
    };
    let error = model_server::ModelServer::bind(config).await.unwrap_err();
    let usage = error
        .downcast_ref::<service_runtime::UsageError>()
        .expect("a usage error");
    assert!(
        usage.0.contains("few.csv: 1 valid rows are too few"),
        "{usage}"
    );
}
