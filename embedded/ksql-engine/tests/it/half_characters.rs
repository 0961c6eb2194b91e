//! A function may cut a character's two UTF-16 units apart: the half goes on as in Java.

use ksql_engine::catalog::Catalog;
use ksql_engine::engine::{Engine, Input};

/// What comes out for values of a stream `S (ID VARCHAR KEY, V VARCHAR)`: key and value.
fn run(statement: &str, values: &[&str]) -> Vec<(String, String)> {
    let mut engine = Engine::new(Catalog::assuming(1));
    let source =
        "CREATE STREAM S (ID VARCHAR KEY, V VARCHAR) WITH (KAFKA_TOPIC='in', VALUE_FORMAT='JSON');";
    engine.execute(source).unwrap();
    engine.execute(statement).unwrap();
    let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap_or_default()).unwrap();
    let mut written = Vec::new();
    for value in values {
        let processed = engine.process(Input {
            topic: "in".to_owned(),
            key: Some(b"k".to_vec()),
            value: Some(value.as_bytes().to_vec()),
            ..Input::default()
        });
        assert!(processed.problems.is_empty(), "{:?}", processed.problems);
        let records = processed.records.into_iter();
        written.extend(records.map(|record| (text(record.key), text(record.value))));
    }
    written
}

#[test]
fn a_half_is_read_computed_with_and_written() {
    let found = run(
        "CREATE STREAM X AS SELECT ID, V, LEN(V) AS L, UCASE(V) AS U, TRIM(V) AS T,
           CONCAT(V, SUBSTRING('😀', 2)) AS C, V LIKE '_x_' AS K, SUBSTRING(V, 1, 1) + SUBSTRING('😀', 2) AS P
         FROM S EMIT CHANGES;",
        &[r#"{"V": "\uD83Dx ", "\uD800": 1}"#],
    );
    let value = r#"{"V":"\uD83Dx ","L":3,"U":"\uD83DX ","T":"\uD83Dx","C":"\uD83Dx \uDE00","K":true,"P":"\uD83D\uDE00"}"#;
    assert_eq!(found, [("k".to_owned(), value.to_owned())]);
}

#[test]
fn a_key_in_kafka_format_has_a_question_mark_for_a_half() {
    let found = run(
        "CREATE TABLE X AS SELECT SUBSTRING(V, 2) AS K, AS_VALUE(SUBSTRING(V, 2)) AS C, COUNT(*) AS N
         FROM S GROUP BY SUBSTRING(V, 2) EMIT CHANGES;",
        &[r#"{"V":"😀"}"#, r#"{"V":"😁"}"#],
    );
    let row = |n: i32| ("?".to_owned(), format!(r#"{{"C":"?","N":{n}}}"#));
    assert_eq!(found, [row(1), row(2)]);
}
