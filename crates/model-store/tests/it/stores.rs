//! One set of tests for all stores.

use std::collections::BTreeSet;

use model_store::features::{self, TrainingRow};
use model_store::{Cause, GateCheck, LogEntry, Page, TrainingOutcome, Trigger, Version};
use pipeline::{Definition, EventTime};
use serde_json::{Value, json};

use crate::rows::{TestStore, fish, text};

const ALL: Page = Page {
    skip: 0,
    limit: 1_000,
};

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| text(&row["_id"])).collect()
}

/// A version trained on fish `from` to `from + 29`.
fn version(from: u32) -> Version {
    let rows = fish("salmon", from, from + 29, "none");
    let rows: Vec<_> = rows.iter().map(training_row).collect();
    let table = features::table(fish_factory(), &rows).unwrap();
    let model = regression::fit(&fish_factory().formula, &table).unwrap();
    let started = EventTime::now();
    Version::new(fish_factory(), model, rows, 2, Cause::initial(), started).unwrap()
}

fn fish_factory() -> &'static Definition {
    Definition::shipped()
}

fn training_row(document: &Value) -> TrainingRow {
    TrainingRow::from_document(fish_factory(), document).unwrap()
}

fn trigger(body: &Value) -> Option<Trigger> {
    Trigger::from_body(fish_factory(), body.to_string().as_bytes())
}

fn entry(sequence: u64, version: &str, outcome: TrainingOutcome) -> LogEntry {
    let gate = GateCheck {
        champion: "c".into(),
        loo_error: 0.02,
        champion_error: 0.3,
        margin: 0.1,
    };
    LogEntry {
        sequence,
        model_version: version.into(),
        outcome,
        time: EventTime::now(),
        cause: Cause::of(trigger(&json!({
            "ModelVersion": "c", "Species": ["char"], "Fish_Id_End": "80", "ErrorAvg": 0.31, "Fish": 20
        }))),
        forced: false,
        pinned: sequence == 2,
        gate: Some(gate),
        reason: "passed the gate".into(),
    }
}

async fn the_newest_rows_come_first_by_time_then_id(store: impl TestStore) {
    let rows = fish("salmon", 1, 8, "v");
    let mut twins = fish("walleye", 8, 8, "v");
    twins[0]["_id"] = json!("9@same time");
    let mut timeless = fish("walleye", 20, 20, "v");
    timeless[0]["Timestamp"] = Value::Null;
    store
        .fill(&[rows.clone(), twins.clone(), timeless.clone()].concat())
        .await;
    let mut expected = ids(&rows);
    expected.reverse();
    expected.insert(0, "9@same time".into());
    expected.push(text(&timeless[0]["_id"]));
    assert_eq!(ids(&store.newest_rows(None, ALL).await.unwrap()), expected);
    let page = store
        .newest_rows(None, Page { skip: 1, limit: 3 })
        .await
        .unwrap();
    assert_eq!(ids(&page), expected[1..4]);
    let walleye = store.newest_rows(Some("walleye"), ALL).await.unwrap();
    assert_eq!(ids(&walleye), ["9@same time", expected[9].as_str()]);
}

async fn a_row_is_read_back_unchanged(store: impl TestStore) {
    let mut rows = fish("sal\u{6d}on, \"große\" \u{1f41f}", 1, 1, "v");
    rows[0]["Length"] = json!(0.1 + 0.2);
    rows[0]["Height"] = json!(19);
    store.fill(&rows).await;
    let read = store.newest_rows(None, ALL).await.unwrap().remove(0);
    let row = training_row(&read);
    assert_eq!(row.numbers[0].to_bits(), (0.1_f64 + 0.2).to_bits());
    assert_eq!(
        (row.numbers[1], &row.levels[0]),
        (19.0, &text(&rows[0]["Species"]))
    );
    assert_eq!(row.target, rows[0]["ActualWeight"].as_f64().unwrap());
}

async fn a_row_is_found_by_its_key_and_predicting_version(store: impl TestStore) {
    store.fill(&fish("salmon", 7, 7, "v")).await;
    assert!(store.has_row("7", None).await.unwrap());
    assert!(store.has_row("7", Some("v")).await.unwrap());
    assert!(!store.has_row("7", Some("w")).await.unwrap());
    assert!(!store.has_row("8", None).await.unwrap());
}

async fn existing_rows_among_many_ids_are_returned(store: impl TestStore) {
    let rows = fish("salmon", 1, 600, "v");
    store.fill(&rows).await;
    let mut queried = ids(&rows[10..590]);
    let expected: BTreeSet<_> = queried.iter().cloned().collect();
    queried.extend(["none".to_owned(), "it's \"quoted\"".to_owned()]);
    let found = store.rows_among(&queried).await.unwrap();
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(store.rows_among(&[]).await.unwrap().is_empty());
}

async fn a_version_is_inserted_once_and_read_back_unchanged(store: impl TestStore) {
    let version = version(1);
    assert!(store.insert_version(&version).await.unwrap());
    let mut other = version.clone();
    other.info.skipped_rows = 99;
    assert!(!store.insert_version(&other).await.unwrap());
    let read = store
        .version(&version.info.model_version)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read, version);
    assert_eq!(store.version("none").await.unwrap(), None);
}

async fn versions_are_listed_newest_first_and_deleted_one_by_one(store: impl TestStore) {
    let mut expected = Vec::new();
    for (seconds, from) in [(1, 1), (2, 31), (3, 61)] {
        let mut version = version(from);
        version.info.trained = EventTime::from_millis(seconds * 1_000).unwrap();
        store.insert_version(&version).await.unwrap();
        expected.insert(0, version.info);
    }
    assert_eq!(store.versions(ALL).await.unwrap(), expected);
    assert_eq!(
        store.versions(Page { skip: 1, limit: 1 }).await.unwrap(),
        expected[1..2]
    );
    assert_eq!(store.count_versions().await.unwrap(), 3);
    store
        .delete_version(&expected[1].model_version)
        .await
        .unwrap();
    let oldest_first = [&expected[2], &expected[0]].map(|info| info.model_version.clone());
    assert_eq!(store.version_ids().await.unwrap(), oldest_first);
}

async fn a_sequence_number_is_used_once(store: impl TestStore) {
    assert_eq!(store.last_entry().await.unwrap(), None);
    let first = entry(1, "a", TrainingOutcome::Activated);
    assert!(store.append(&first).await.unwrap());
    assert!(
        !store
            .append(&entry(1, "b", TrainingOutcome::Activated))
            .await
            .unwrap()
    );
    assert_eq!(store.last_entry().await.unwrap().as_ref(), Some(&first));
    assert_eq!(store.entries_after(0).await.unwrap(), [first]);
}

async fn the_log_is_read_from_any_position_and_by_version(store: impl TestStore) {
    assert_eq!(store.last_activations(5).await.unwrap(), []);
    let log = [
        entry(1, "a", TrainingOutcome::Activated),
        entry(2, "b", TrainingOutcome::Activated),
        entry(3, "c", TrainingOutcome::Rejected),
        entry(4, "a", TrainingOutcome::Activated),
        entry(5, "c", TrainingOutcome::Rejected),
        entry(6, "c", TrainingOutcome::Unchanged),
        entry(7, "a", TrainingOutcome::Superseded),
        entry(8, "a", TrainingOutcome::Pinned),
    ];
    for entry in &log {
        assert!(store.append(entry).await.unwrap());
    }
    assert_eq!(store.entries_after(2).await.unwrap(), log[2..]);
    assert_eq!(
        store.entries_on(&["a"], 1_000).await.unwrap(),
        [0, 3, 6, 7].map(|at| log[at].clone())
    );
    assert_eq!(
        store.entries_on(&["b", "none", "c"], 1_000).await.unwrap(),
        [1, 2, 4, 5].map(|at| log[at].clone())
    );
    assert_eq!(
        store.entries_on(&["b", "c"], 2).await.unwrap(),
        [4, 5].map(|at| log[at].clone())
    );
    assert_eq!(
        store.last_activations(2).await.unwrap(),
        [log[3].clone(), log[1].clone()]
    );
    assert_eq!(store.last_entry().await.unwrap().as_ref(), log.last());
}

async fn versions_live_since_a_time_are_returned(store: impl TestStore) {
    let at = |seconds| EventTime::from_millis(seconds * 1_000).unwrap();
    assert!(store.live_since(at(0)).await.unwrap().is_empty());
    for (sequence, version, outcome) in [
        (1, "a", TrainingOutcome::Activated),
        (2, "b", TrainingOutcome::Activated),
        (3, "c", TrainingOutcome::Rejected),
        (4, "d", TrainingOutcome::Activated),
        (5, "b", TrainingOutcome::Activated),
    ] {
        let entry = LogEntry {
            time: at(10 * sequence as i64),
            ..entry(sequence, version, outcome)
        };
        assert!(store.append(&entry).await.unwrap());
    }
    for (since, expected) in [
        (0, vec!["a", "b", "d"]),
        (15, vec!["a", "b", "d"]),
        (25, vec!["b", "d"]),
        (45, vec!["b", "d"]),
        (55, vec!["b"]),
    ] {
        let mut live = store.live_since(at(since)).await.unwrap();
        live.sort();
        assert_eq!(live, expected, "since {since} s");
    }
}

async fn entries_are_found_by_the_trigger_that_caused_them(store: impl TestStore) {
    let window = json!({"ModelVersion": "a", "Fish_Id_Start": "1", "Fish_Id_End": "30"});
    let mut again = window.clone();
    // The mean error does not identify a trigger.
    again["ErrorAvg"] = json!(0.2);
    let mut later = window.clone();
    later["Fish_Id_End"] = json!("31");
    let mut without_start = window.clone();
    without_start["Fish_Id_Start"] = Value::Null;
    let bare = json!({"ModelVersion": "a"});
    let caused = [&window, &later, &bare, &again, &without_start, &bare];
    let mut log = vec![LogEntry {
        cause: Cause::of(None),
        ..entry(1, "a", TrainingOutcome::Activated)
    }];
    for (body, sequence) in caused.into_iter().zip(2..) {
        log.push(LogEntry {
            cause: Cause::of(trigger(body)),
            ..entry(sequence, "b", TrainingOutcome::Rejected)
        });
    }
    for entry in &log {
        assert!(store.append(entry).await.unwrap());
    }
    for (body, expected) in [
        (window, vec![1, 4]),
        (later, vec![2]),
        (bare, vec![3, 6]),
        (without_start, vec![5]),
        (json!({"ModelVersion": "b"}), vec![]),
    ] {
        let found = store.entries_caused_by(&trigger(&body).unwrap()).await;
        let expected: Vec<_> = expected.into_iter().map(|at| log[at].clone()).collect();
        assert_eq!(found.unwrap(), expected, "{body}");
    }
}

async fn any_trigger_that_a_caller_sends_can_be_stored(store: impl TestStore) {
    for (sequence, fish) in [(1, i64::MAX as u64), (2, u64::MAX)] {
        let body = json!({ "ModelVersion": "x", "Fish": fish });
        let entry = LogEntry {
            cause: Cause::of(trigger(&body)),
            ..entry(sequence, "a", TrainingOutcome::Pinned)
        };
        assert!(store.append(&entry).await.unwrap());
        assert_eq!(store.entries_after(sequence - 1).await.unwrap(), [entry]);
    }
}

async fn versions_without_a_log_entry_are_returned(store: impl TestStore) {
    let (one, two) = (version(1), version(31));
    store.insert_version(&one).await.unwrap();
    store.insert_version(&two).await.unwrap();
    store
        .append(&entry(
            1,
            &one.info.model_version,
            TrainingOutcome::Rejected,
        ))
        .await
        .unwrap();
    assert_eq!(
        store.undecided_versions().await.unwrap(),
        [two.info.model_version]
    );
}

async fn one_of_many_concurrent_appends_succeeds(store: impl TestStore + Clone + 'static) {
    let racers: Vec<_> = (0..8)
        .map(|racer| {
            let store = store.clone();
            let entry = entry(1, &racer.to_string(), TrainingOutcome::Activated);
            tokio::spawn(async move { store.append(&entry).await.unwrap() })
        })
        .collect();
    let mut winners = 0;
    for racer in racers {
        winners += u32::from(racer.await.unwrap());
    }
    assert_eq!(winners, 1);
}

/// Defines the tests, each with a new store.
macro_rules! on_store {
    ($store:ident: $($test:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $test() {
            let (store, _dir) = $store().await;
            model_store::Store::prepare(&store).await.unwrap();
            let limit = std::time::Duration::from_secs(30);
            let test = super::$test(store.clone());
            tokio::time::timeout(limit, test).await.expect("in time");
            crate::rows::TestStore::clean_up(store).await;
        })+
    };
    ($store:ident) => {
        on_store!($store:
            the_newest_rows_come_first_by_time_then_id,
            a_row_is_read_back_unchanged,
            a_row_is_found_by_its_key_and_predicting_version,
            existing_rows_among_many_ids_are_returned,
            a_version_is_inserted_once_and_read_back_unchanged,
            versions_are_listed_newest_first_and_deleted_one_by_one,
            a_sequence_number_is_used_once,
            the_log_is_read_from_any_position_and_by_version,
            versions_live_since_a_time_are_returned,
            entries_are_found_by_the_trigger_that_caused_them,
            any_trigger_that_a_caller_sends_can_be_stored,
            versions_without_a_log_entry_are_returned,
            one_of_many_concurrent_appends_succeeds,
        );
    };
}

mod sqlite {
    use model_store::{Page, SqliteStore, Store, Version};
    use pipeline::Definition;
    use serde_json::json;
    use tempfile::TempDir;

    use crate::rows::{TestStore, fish};

    async fn store() -> (SqliteStore, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (
            SqliteStore::open(dir.path().join("store.sqlite"), Definition::shipped()).unwrap(),
            dir,
        )
    }

    on_store!(store);

    #[tokio::test]
    async fn a_store_opened_to_read_only_is_never_written() {
        let (store, dir) = store().await;
        store.fill(&fish("salmon", 1, 3, "v")).await;
        let reader = SqliteStore::open_read_only(store.path(), Definition::shipped()).unwrap();
        // Another connection may write in the meantime.
        store.fill(&fish("salmon", 4, 4, "v")).await;
        let page = Page { skip: 0, limit: 9 };
        assert_eq!(reader.newest_rows(None, page).await.unwrap().len(), 4);
        let nothing = serde_json::json!({});
        let write = reader.replace_one("Weight", "TrainingData", "x", &nothing);
        assert!(write.await.is_err());

        let mistyped = dir.path().join("stroe.sqlite");
        let error = SqliteStore::open_read_only(dir.path(), Definition::shipped()).unwrap_err();
        assert!(error.to_string().contains("a folder"), "{error}");
        let error = SqliteStore::open_read_only(&mistyped, Definition::shipped()).unwrap_err();
        assert!(error.to_string().contains("No such file"), "{error}");
        assert!(!mistyped.exists());
        let other = dir.path().join("other.sqlite");
        std::fs::write(&other, "").unwrap();
        let error = SqliteStore::open_read_only(&other, Definition::shipped()).unwrap_err();
        assert!(error.to_string().contains("not a store"), "{error}");
        assert_eq!(std::fs::read(&other).unwrap(), b"");
    }

    #[tokio::test]
    async fn training_data_is_a_table_with_typed_columns() {
        let (store, dir) = store().await;
        let rows = fish("salmon", 1, 3, "v");
        store.fill(&rows).await;
        store.fill(&rows[1..]).await;
        let file = rusqlite::Connection::open(dir.path().join("store.sqlite")).unwrap();
        let sum = "SELECT count(*), max(Length), min(typeof(ActualWeight)), max(\"Timestamp\") FROM TrainingData";
        let (count, length, kind, last): (i64, f64, String, String) = file
            .query_row(sum, [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .unwrap();
        let longest = rows
            .iter()
            .map(|row| row["Length"].as_f64().unwrap())
            .fold(0.0, f64::max);
        assert_eq!((count, length, kind.as_str()), (3, longest, "real"));
        assert_eq!(last, "2021-06-09T13:00:06.000Z");
    }

    #[tokio::test]
    async fn a_version_of_an_earlier_release_is_read_and_written_unchanged() {
        const VERSION: &str = include_str!("../data/version.json");
        const ROWS: &str = include_str!("../data/version-rows.json");
        let insert = "INSERT INTO Models (_id, Trained, Formula, \"Rows\", LooError, document, TrainingRows) \
                      VALUES ('0003901cdf0f', '', '', 50, 0, ?1, ?2)";
        let select = "SELECT document, TrainingRows FROM Models";
        let (before, old_dir) = store().await;
        let old = rusqlite::Connection::open(old_dir.path().join("store.sqlite")).unwrap();
        old.execute(insert, [VERSION, ROWS]).unwrap();
        let version = before.version("0003901cdf0f").await.unwrap().unwrap();
        assert_eq!(**version.info.groups, ["salmon", "walleye"]);
        assert_eq!(version.training_rows.len(), 50);

        let (after, new_dir) = store().await;
        after.insert_version(&version).await.unwrap();
        let new = rusqlite::Connection::open(new_dir.path().join("store.sqlite")).unwrap();
        let written: (String, String) = new
            .query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(written, (VERSION.to_owned(), ROWS.to_owned()));

        // The same rows have the same id.
        let definition = Definition::shipped();
        let table = model_store::features::table(definition, &version.training_rows).unwrap();
        let model = regression::fit(&definition.formula, &table).unwrap();
        let (rows, info) = (version.training_rows, version.info);
        let again = Version::new(definition, model, rows, 0, info.cause, info.trained).unwrap();
        assert_eq!(again.info.model_version, info.model_version);
        assert_eq!(again.info.loo_error, info.loo_error);
    }

    /// A pipeline with another key, and with fields whose names are equal in SQLite.
    fn rooms(columns: &str) -> &'static Definition {
        let text = format!(
            r#"
            record = {{ name = "room", key = "Id" }}
            measured.topic = "a"
            actual.topic = "b"
            predicted.topic = "c"
            rows = {{ topic = "d", trigger = "e", database = "D", collection = "My rows" }}
            model = {{ formula = "heat ~ area", group = "use", first-rows = "rows.csv" }}
            [columns]
            area = {{ field = "Floor's \"area\"" }}
            heat = {{ field = "Heat" }}
            {columns}
            "#
        );
        Definition::parse(&text).unwrap().leak()
    }

    #[tokio::test]
    async fn any_pipeline_has_a_table_with_its_fields() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        let definition = rooms(r#"use = { field = "error", category = true }"#);
        let store = SqliteStore::open(&path, definition).unwrap();
        for (id, used) in [(7, "office"), (8, "shop")] {
            let row = json!({
                "_id": id, "Id": id, "Floor's \"area\"": 20.5, "ActualHeat": 1, "error": used, "Error": 0.5,
                "Timestamp": 1_623_245_977_971_i64 + id
            });
            let row_id = id.to_string();
            let write = store.replace_one("D", "My rows", &row_id, &row);
            write.await.unwrap();
        }
        assert!(store.has_row("7", None).await.unwrap());
        assert!(!store.has_row("9", None).await.unwrap());
        let all = Page { skip: 0, limit: 9 };
        let shops = store.newest_rows(Some("shop"), all).await.unwrap();
        assert_eq!((shops.len(), &shops[0]["_id"]), (1, &json!(8)));
        let newest = store.newest_rows(None, all).await.unwrap();
        assert_eq!([&newest[0]["_id"], &newest[1]["_id"]], [8, 7]);
    }

    #[tokio::test]
    async fn a_column_added_to_the_pipeline_is_filled_from_the_documents() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        let before = rooms(r#"use = { field = "Use", category = true }"#);
        let store = SqliteStore::open(&path, before).unwrap();
        let row = json!({ "_id": "1", "Id": "1", "Use": "office", "Owner's": "a" });
        store.replace_one("D", "My rows", "1", &row).await.unwrap();
        let after = rooms(r#"use = { field = "Owner's", category = true }"#);
        let store = SqliteStore::open(&path, after).unwrap();
        let all = Page { skip: 0, limit: 9 };
        assert_eq!(store.newest_rows(Some("a"), all).await.unwrap(), [row]);
    }

    #[tokio::test]
    async fn documents_of_any_collection_are_replaced_by_id() {
        let (store, dir) = store().await;
        for count in [1, 2] {
            let document = serde_json::json!({"_id": "a", "count": count});
            store
                .replace_one("Weight", "Other \"things\"", "a", &document)
                .await
                .unwrap();
            store
                .replace_one("Elsewhere", "TrainingData", "a", &document)
                .await
                .unwrap();
        }
        let file = rusqlite::Connection::open(dir.path().join("store.sqlite")).unwrap();
        for table in ["\"Other \"\"things\"\"\"", "\"Elsewhere.TrainingData\""] {
            let sql = format!("SELECT group_concat(document ->> 'count') FROM {table}");
            let counts: String = file.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(counts, "2");
        }
    }

    #[tokio::test]
    async fn entries_of_a_trigger_are_looked_up_in_an_index() {
        let (_store, dir) = store().await;
        let file = rusqlite::Connection::open(dir.path().join("store.sqlite")).unwrap();
        let sql = "EXPLAIN QUERY PLAN SELECT _id, document FROM Decisions \
             WHERE json_extract(document, '$.Cause.Trigger') IS NOT NULL \
             AND json_extract(document, '$.Cause.Trigger.ModelVersion') IS ?1 ORDER BY _id";
        let plan: String = file.query_row(sql, ["a"], |row| row.get("detail")).unwrap();
        assert!(plan.contains("USING INDEX Decisions_trigger"), "{plan}");
    }

    #[test]
    fn a_new_file_may_be_opened_concurrently() {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("store.sqlite");
            let start = std::sync::Barrier::new(8);
            std::thread::scope(|scope| {
                let open = || {
                    start.wait();
                    SqliteStore::open(&path, Definition::shipped())
                };
                let openers: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
                for opener in openers {
                    opener.join().unwrap().unwrap();
                }
            });
        }
    }

    #[tokio::test]
    async fn a_file_with_another_format_is_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let later = dir.path().join("later.sqlite");
        drop(SqliteStore::open(&later, Definition::shipped()).unwrap());
        rusqlite::Connection::open(&later)
            .unwrap()
            .pragma_update(None, "user_version", 99)
            .unwrap();
        assert!(
            SqliteStore::open(&later, Definition::shipped())
                .unwrap_err()
                .to_string()
                .contains("format is 99")
        );
        let text = dir.path().join("notes.txt");
        std::fs::write(
            &text,
            "This is not a database, but notes about fish. ".repeat(100),
        )
        .unwrap();
        assert!(SqliteStore::open(&text, Definition::shipped()).is_err());
    }

    #[tokio::test]
    async fn a_version_survives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        let version = super::version(1);
        SqliteStore::open(&path, Definition::shipped())
            .unwrap()
            .insert_version(&version)
            .await
            .unwrap();
        let again = SqliteStore::open(&path, Definition::shipped()).unwrap();
        assert_eq!(
            again.version(&version.info.model_version).await.unwrap(),
            Some(version)
        );
    }
}

#[cfg(feature = "mongodb-tests")]
mod mongo {
    use model_store::{MongoStore, Store as _, TrainingOutcome};
    use mongodb::options::{ReadConcern, ReadPreference, SelectionCriteria, WriteConcern};
    use pipeline::Definition;

    use crate::rows::TestStore;
    use crate::rows::mongo::{store, uri};

    on_store!(store);

    #[tokio::test]
    async fn a_connection_string_cannot_weaken_the_write_concern() {
        let (uri, (strong, ())) = (uri(), store().await);
        let separator = if uri.contains('?') { '&' } else { '?' };
        let weak = "w=0&readConcernLevel=local&readPreference=secondaryPreferred";
        let uri = format!("{uri}{separator}{weak}");
        let name = strong.database().name();
        let weak = MongoStore::in_database(&uri, Definition::shipped(), name)
            .await
            .unwrap();
        // With `w=0`, both appends would appear to succeed.
        let activated = TrainingOutcome::Activated;
        let appended = [
            weak.append(&super::entry(1, "a", activated)).await,
            weak.append(&super::entry(1, "b", activated)).await,
        ];
        assert_eq!(appended.map(Result::unwrap), [true, false]);
        let database = weak.database();
        assert_eq!(database.write_concern(), Some(&WriteConcern::majority()));
        assert_eq!(database.read_concern(), Some(&ReadConcern::majority()));
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        assert_eq!(
            format!("{:?}", database.selection_criteria()),
            format!("{:?}", Some(primary))
        );
        strong.clean_up().await;
    }
}
