//! A failing `HAVING` is reported once, with the record that triggered its evaluation.

use ksql_engine::catalog::Catalog;
use ksql_engine::engine::{Engine, Input};

/// The number of problems of each record. The first row of a group fails in `HAVING`.
fn problems(settings: &str, emit: &str, records: &[(&str, i64)]) -> Vec<usize> {
    let mut engine = Engine::new(Catalog::assuming(1));
    engine
        .execute(&format!(
            "{settings}
             CREATE STREAM S (ID VARCHAR KEY, V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
             CREATE TABLE T AS SELECT ID, COUNT(*) AS N
             FROM S WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 0 SECONDS)
             GROUP BY ID HAVING 1 / (COUNT(*) - 1) > 0 EMIT {emit};"
        ))
        .unwrap();
    let counts = records.iter().map(|(id, seconds)| {
        let processed = engine.process(Input {
            topic: "s".to_owned(),
            key: Some(id.as_bytes().to_vec()),
            value: Some(br#"{"V":1}"#.to_vec()),
            timestamp: seconds * 1000,
            ..Input::default()
        });
        processed.problems.len()
    });
    counts.collect()
}

#[test]
fn a_failing_having_is_reported_once_per_change() {
    let records = [("a", 0), ("b", 100), ("b", 101)];
    assert_eq!(problems("", "CHANGES", &records), [1, 1, 0]);
}

#[test]
fn a_failing_final_row_is_reported_when_its_window_closes() {
    assert_eq!(problems("", "FINAL", &[("a", 0), ("b", 100)]), [0, 1]);
}

#[test]
fn a_lost_window_is_not_reported() {
    let uncached = "SET 'cache.max.bytes.buffering'='0';";
    assert_eq!(problems(uncached, "FINAL", &[("a", 0), ("b", 100)]), [0, 0]);
}
