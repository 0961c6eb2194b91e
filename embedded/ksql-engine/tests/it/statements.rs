//! The engine works with any schema and any statements.

use ksql_engine::catalog::Catalog;
use ksql_engine::engine::{Engine, Input};

fn text(bytes: Option<&Vec<u8>>) -> String {
    bytes.map_or_else(
        || "null".to_owned(),
        |bytes| String::from_utf8_lossy(bytes).into_owned(),
    )
}

fn feed(
    engine: &mut Engine,
    topic: &str,
    key: &str,
    value: &str,
    timestamp: i64,
) -> Vec<(String, String, String)> {
    let processed = engine.process(Input {
        topic: topic.to_owned(),
        key: Some(key.as_bytes().to_vec()),
        value: Some(value.as_bytes().to_vec()),
        timestamp,
        ..Input::default()
    });
    assert!(processed.problems.is_empty(), "{:?}", processed.problems);
    let shown = |record: ksql_engine::execute::OutputRecord| {
        (
            record.topic.to_string(),
            text(record.partition_key().map(<[u8]>::to_vec).as_ref()),
            text(record.value.as_ref()),
        )
    };
    processed.records.into_iter().map(shown).collect()
}

#[test]
fn another_schema_threshold_and_window_work_the_same() {
    let mut engine = Engine::new(Catalog::assuming(1));
    engine
        .execute(
            "CREATE STREAM forecasts (station VARCHAR KEY, degrees DOUBLE, model STRUCT<name VARCHAR>)
               WITH (KAFKA_TOPIC='forecasts', VALUE_FORMAT='JSON');
             CREATE STREAM measured (station VARCHAR KEY, degrees DOUBLE)
               WITH (KAFKA_TOPIC='measured', VALUE_FORMAT='JSON');
             CREATE STREAM misses WITH (KAFKA_TOPIC='misses') AS
               SELECT f.station AS station, f.model->name AS model, ABS(f.degrees - m.degrees) AS off
               FROM forecasts f JOIN measured m WITHIN 5 MINUTES GRACE PERIOD 1 HOUR ON f.station = m.station
               WHERE m.degrees IS NOT NULL;
             CREATE TABLE bad_models WITH (KAFKA_TOPIC='bad-models') AS
               SELECT model, MAX(off) AS worst, COUNT(*) AS n
               FROM misses WINDOW HOPPING (SIZE 2 MINUTES, ADVANCE BY 1 MINUTE, GRACE PERIOD 0 SECONDS)
               GROUP BY model HAVING MAX(off) >= 2 EMIT FINAL;",
        )
        .unwrap();
    feed(
        &mut engine,
        "forecasts",
        "oslo",
        r#"{"degrees":3.5,"model":{"name":"m1"}}"#,
        60_000,
    );
    let joined = feed(&mut engine, "measured", "oslo", r#"{"DEGREES":1}"#, 61_000);
    assert_eq!(
        joined,
        [(
            "misses".to_owned(),
            "oslo".to_owned(),
            r#"{"MODEL":"m1","OFF":2.5}"#.to_owned()
        )]
    );
    feed(
        &mut engine,
        "forecasts",
        "rome",
        r#"{"degrees":20,"model":{"name":"m2"}}"#,
        299_000,
    );
    let closed = feed(
        &mut engine,
        "measured",
        "rome",
        r#"{"degrees":21}"#,
        300_000,
    );
    let finals: Vec<&str> = closed
        .iter()
        .filter(|(topic, ..)| topic == "bad-models")
        .map(|(_, _, value)| value.as_str())
        .collect();
    assert_eq!(
        finals,
        [r#"{"WORST":2.5,"N":1}"#, r#"{"WORST":2.5,"N":1}"#],
        "the miss is in two windows"
    );
}

#[test]
fn state_does_not_grow_with_the_length_of_the_stream() {
    let mut engine = Engine::new(Catalog::assuming(1));
    engine
        .execute(
            "CREATE STREAM l (id VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='l', VALUE_FORMAT='JSON');
             CREATE STREAM r (id VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON');
             CREATE STREAM j AS SELECT l.id AS id, l.v AS a, r.v AS b FROM l JOIN r WITHIN 1 SECOND GRACE PERIOD 0 SECONDS ON l.id = r.id;
             CREATE TABLE t AS SELECT id, COUNT(*) AS n FROM j WINDOW TUMBLING (SIZE 1 SECOND, GRACE PERIOD 0 SECONDS) GROUP BY id EMIT CHANGES;",
        )
        .unwrap();
    for second in 0..5_000_i64 {
        for topic in ["l", "r"] {
            feed(
                &mut engine,
                topic,
                &second.to_string(),
                r#"{"v":1}"#,
                second * 1000,
            );
        }
    }
    let shown = format!("{engine:?}");
    assert!(
        shown.len() < 100_000,
        "the state's text has {} bytes",
        shown.len()
    );
}

#[test]
fn a_star_has_the_new_key_first_and_the_old_one_last() {
    let schema = |query: &str| {
        let mut engine = Engine::new(Catalog::assuming(1));
        let source = "CREATE STREAM S (ID INT KEY, A VARCHAR, T STRUCT<B VARCHAR>) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');";
        engine
            .execute(&format!("{source} CREATE STREAM X AS {query};"))
            .unwrap();
        engine
            .registry()
            .catalog()
            .source("X")
            .unwrap()
            .schema
            .to_string()
    };
    for (query, expected) in [
        (
            "SELECT * FROM S PARTITION BY ID",
            "`ID` INTEGER KEY, `A` STRING, `T` STRUCT<`B` STRING>",
        ),
        (
            "SELECT * FROM S PARTITION BY A",
            "`A` STRING KEY, `T` STRUCT<`B` STRING>, `ID` INTEGER",
        ),
        (
            "SELECT * FROM S PARTITION BY T->B",
            "`B` STRING KEY, `A` STRING, `T` STRUCT<`B` STRING>, `ID` INTEGER",
        ),
        (
            "SELECT * FROM S PARTITION BY ABS(ID)",
            "`KSQL_COL_0` INTEGER KEY, `A` STRING, `T` STRUCT<`B` STRING>, `ID` INTEGER",
        ),
    ] {
        assert_eq!(schema(query), expected, "{query}");
    }
}
