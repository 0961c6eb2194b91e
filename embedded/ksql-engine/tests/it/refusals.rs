//! Refused statements: the error has a position and an alternative, and nothing changes.

use ksql_engine::catalog::Catalog;
use ksql_engine::engine::Engine;
use ksql_engine::kafka::Script;
use ksql_parser::error::ErrorKind;

const SOURCE: &str = "CREATE STREAM S (ID VARCHAR KEY, A VARCHAR, I INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');";

#[test]
fn an_error_has_the_line_and_column_of_the_mistake() {
    let mut engine = Engine::new(Catalog::assuming(1));
    let text = format!(
        "{SOURCE}\n-- a comment\nCREATE STREAM X AS\n  SELECT ID,\n         Nope\n  FROM S;"
    );
    let error = engine.execute(&text).unwrap_err();
    assert_eq!((error.line, error.column), (5, 10), "{error}");
    assert!(error.message.contains("NOPE"), "{error}");
}

#[test]
fn a_script_with_one_bad_statement_changes_nothing() {
    let mut engine = Engine::new(Catalog::assuming(1));
    let text = format!(
        "{SOURCE} CREATE STREAM X AS SELECT ID, A FROM S; CREATE STREAM Y AS SELECT NOPE FROM X;"
    );
    engine.execute(&text).unwrap_err();
    assert_eq!(engine.registry().catalog().sources().count(), 0);
    assert!(engine.registry().queries().is_empty());
}

#[test]
fn features_of_ksqldb_outside_the_subset_are_unsupported() {
    for statement in [
        "CREATE STREAM X AS SELECT ID, HISTOGRAM(A) AS H FROM S;",
        "CREATE TABLE X AS SELECT A, COUNT(*) AS N FROM S WINDOW SESSION (5 SECONDS) GROUP BY A;",
        "CREATE TABLE X AS SELECT A, COUNT(*) AS N FROM S WINDOW HOPPING (SIZE 1 DAY, ADVANCE BY 1 MILLISECOND) GROUP BY A;",
        "CREATE TABLE X AS SELECT A, COUNT(*) AS N FROM S GROUP BY A PARTITION BY A;",
        "CREATE STREAM X WITH (VALUE_FORMAT='AVRO') AS SELECT * FROM S;",
        "CREATE STREAM X (ID VARCHAR KEY, T TIMESTAMP) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON');",
        "CREATE STREAM X AS SELECT ID, 1.5 AS D FROM S;",
        "SELECT * FROM S;",
        "CREATE STREAM X AS SELECT ID, CAST(A AS DECIMAL(4,2)) AS D FROM S;",
        "CREATE STREAM X AS SELECT * FROM S WHERE ROWTIME > '2018-01-01';",
        "CREATE STREAM X AS SELECT * FROM S WHERE ROWTIME BETWEEN '2018-01-01' AND '2019-01-01';",
        "CREATE STREAM X AS SELECT * FROM S WHERE I IN (1, '2');",
        "CREATE STREAM X AS SELECT * FROM S WHERE CAST(A AS BOOLEAN);",
        "CREATE STREAM X AS SELECT ID, (I > 1) IS NULL AS N FROM S;",
        "CREATE STREAM X AS SELECT ID, REDUCE(ARRAY[I], 0, (s, x) => s + x) AS N FROM S;",
        "CREATE STREAM X AS SELECT ID, TRANSFORM(ARRAY[I], (X) => X) AS N FROM S;",
        "CREATE STREAM X AS SELECT ID, TRANSFORM(ARRAY[I], X => X) AS N FROM S;",
        "EXPLAIN SELECT * FROM S EMIT CHANGES;",
        "DESCRIBE STREAMS EXTENDED;",
        "DESCRIBE TABLES;",
        "DESCRIBE FUNCTION ABS;",
        "DESCRIBE CONNECTOR C;",
        "ASSERT TOPIC 't';",
        "PAUSE ALL;",
        "RESUME Q;",
        "SHOW TYPES;",
        "LIST CONNECTORS;",
        "SHOW SOURCE CONNECTORS;",
        "SHOW CONNECTOR PLUGINS;",
    ] {
        let mut engine = Engine::new(Catalog::assuming(1));
        engine.execute(SOURCE).unwrap();
        let error = engine.execute(statement).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported, "{statement}: {error}");
    }
}

#[test]
fn statements_that_ksqldb_also_refuses_are_invalid() {
    let kafka =
        "CREATE STREAM K (ID VARCHAR KEY, A VARCHAR) WITH (KAFKA_TOPIC='k', VALUE_FORMAT='KAFKA');";
    for statement in [
        "CREATE STREAM X WITH (WRAP_SINGLE_VALUE=TRUE) AS SELECT * FROM S;",
        "CREATE STREAM X (ID VARCHAR KEY, A VARCHAR) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='KAFKA', WRAP_SINGLE_VALUE=TRUE);",
        "CREATE TABLE X AS SELECT A, COUNT(*) AS N FROM S WINDOW TUMBLING (SIZE 5 SECONDS) GROUP BY A HAVING WINDOWSTART > 0;",
        "CREATE TABLE X WITH (VALUE_FORMAT='JSON') AS SELECT A, COUNT(*) AS N FROM K GROUP BY A;",
        "CREATE STREAM X WITH (VALUE_FORMAT='JSON') AS SELECT S.ID, K.A FROM S JOIN K WITHIN 1 DAY ON S.ID = K.ID;",
        "CREATE STREAM X AS SELECT ID, A AS ROWTIME FROM S;",
        "CREATE STREAM X AS SELECT ID, A AS WINDOWSTART FROM S;",
        "CREATE STREAM X (ID INT KEY, I INT) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON', WINDOW_SIZE='1 SECOND');",
        "CREATE STREAM X AS SELECT ID, (I / 2) IS NULL AS N FROM S;",
        "CREATE STREAM X AS SELECT ID, -I IS NOT NULL AS N FROM S;",
        "CREATE STREAM X WITH (KEY_FORMAT='JSON') AS SELECT * FROM S PARTITION BY NULL;",
        "CREATE STREAM X (ID STRUCT<M MAP<VARCHAR, INT>> KEY, I INT) WITH (KAFKA_TOPIC='x', FORMAT='JSON');",
    ] {
        let mut engine = Engine::new(Catalog::assuming(1));
        engine.execute(&format!("{SOURCE} {kafka}")).unwrap();
        let error = engine.execute(statement).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{statement}: {error}");
    }
}

#[test]
fn malformed_statements_are_syntax_errors() {
    for statement in [
        "CREATE STREAM X AS SELECT ID, 1E400 AS D FROM S;",
        "CREATE STREAM X AS SELECT ID, (A, I) AS D FROM S;",
        "DESCRIBE;",
        "SHOW;",
        "RESUMES;",
    ] {
        let mut engine = Engine::new(Catalog::assuming(1));
        engine.execute(SOURCE).unwrap();
        let error = engine.execute(statement).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Syntax, "{statement}: {error}");
    }
}

#[test]
fn an_error_names_its_place_and_kind() {
    let mut engine = Engine::new(Catalog::assuming(1));
    for (statement, start) in [
        ("SHOW TYPES;", "line 1, column 6: unsupported: types"),
        ("DROP STREAM X;", "line 1, column 13: invalid: there is no"),
        ("DROP;", "line 1, column 5: syntax error: expected"),
    ] {
        let error = engine.execute(statement).unwrap_err().to_string();
        assert!(error.starts_with(start), "{error}");
    }
}

#[test]
fn a_stream_that_a_query_reads_cannot_be_dropped() {
    let mut engine = Engine::new(Catalog::assuming(1));
    engine.execute(SOURCE).unwrap();
    engine
        .execute("CREATE STREAM X AS SELECT ID, A FROM S;")
        .unwrap();
    let error = engine.execute("DROP STREAM S;").unwrap_err();
    assert!(error.message.contains("CSAS_X_1"), "{error}");
    engine
        .execute("TERMINATE CSAS_X_1; DROP STREAM S;")
        .unwrap();
    assert!(engine.registry().catalog().source("S").is_none());
}

#[test]
fn a_topic_that_other_sources_use_cannot_be_deleted() {
    let mut engine = Engine::new(Catalog::assuming(1));
    engine.execute(SOURCE).unwrap();
    engine
        .execute(&SOURCE.replace("STREAM S", "STREAM OTHER"))
        .unwrap();
    let error = engine.execute("DROP STREAM S DELETE TOPIC;").unwrap_err();
    assert_eq!(
        error.message,
        "Refusing to delete topic. Found other data sources (OTHER) using topic s"
    );
}

#[test]
fn only_a_topic_that_a_statement_created_can_be_deleted() {
    let mut engine = Engine::new(Catalog::new());
    let topics = engine.registry_mut().catalog_mut();
    topics.add_topic("s", 1);
    topics.add_topic("__internal", 1);
    engine.execute(SOURCE).unwrap();
    engine
        .execute(
            &SOURCE
                .replace("STREAM S", "STREAM I")
                .replace("'s'", "'__internal'"),
        )
        .unwrap();
    for source in ["S", "I"] {
        let error = engine
            .execute(&format!("DROP STREAM {source} DELETE TOPIC;"))
            .unwrap_err();
        assert!(
            error
                .message
                .contains("no statement of this server created it"),
            "{error}"
        );
    }
    engine
        .execute("CREATE STREAM X AS SELECT * FROM S; DROP STREAM X DELETE TOPIC; DROP STREAM S;")
        .unwrap();
}

#[test]
fn partitions_and_persistent_queries_are_limited() {
    let mut engine = Engine::new(Catalog::assuming(1));
    engine.execute(SOURCE).unwrap();
    let error = engine
        .execute("CREATE STREAM X WITH (PARTITIONS=1001) AS SELECT * FROM S;")
        .unwrap_err();
    assert_eq!(
        error.message,
        "PARTITIONS is 1001, expected at most 1000: use fewer partitions"
    );
    for number in 0..100 {
        let query = format!("CREATE STREAM X{number} AS SELECT * FROM S;");
        engine.execute(&query).unwrap();
    }
    let one_more = "CREATE STREAM Y AS SELECT * FROM S;";
    let error = engine.execute(one_more).unwrap_err();
    assert_eq!(
        error.message,
        "100 persistent queries are running, which is the limit: TERMINATE one first"
    );
    engine.execute("TERMINATE CSAS_X7_8;").unwrap();
    engine.execute(one_more).unwrap();
}

#[test]
fn a_setting_that_changes_results_is_supported_or_refused() {
    for statement in [
        "SET 'ksql.suppress.enabled'='false';",
        "SET 'statestore.cache.max.bytes'='much';",
        "SET 'cache.max.bytes.buffering'='-1';",
    ] {
        let mut engine = Engine::new(Catalog::assuming(1));
        let error = engine.execute(statement).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{statement}: {error}");
    }
    let mut engine = Engine::new(Catalog::assuming(1));
    engine
        .execute("SET 'ksql.suppress.enabled'='TRUE'; SET 'ksql.streams.statestore.cache.max.bytes'='0';")
        .unwrap();
}

#[test]
fn a_query_must_not_read_its_own_output() {
    for statement in [
        "INSERT INTO S SELECT * FROM S;",
        "CREATE STREAM X WITH (KAFKA_TOPIC='s') AS SELECT * FROM S;",
        "CREATE STREAM X AS SELECT * FROM S; CREATE STREAM Y AS SELECT * FROM X; INSERT INTO S SELECT * FROM Y;",
    ] {
        let mut engine = Engine::new(Catalog::assuming(1));
        engine.execute(SOURCE).unwrap();
        let error = engine.execute(statement).unwrap_err();
        assert!(
            error.message.contains("endless loop"),
            "{statement}: {error}"
        );
        assert!(engine.registry().queries().is_empty());
    }
    let mut engine = Engine::new(Catalog::assuming(1));
    engine.execute(SOURCE).unwrap();
    // Two queries into one topic are not a cycle.
    engine
        .execute("CREATE STREAM X AS SELECT * FROM S; INSERT INTO X SELECT * FROM S;")
        .unwrap();
}

#[test]
fn columns_are_bounded() {
    let columns = |count: usize, of: &dyn Fn(usize) -> String| {
        (0..count).map(of).collect::<Vec<_>>().join(", ")
    };
    for (count, fits) in [(3_000, true), (5_000, false)] {
        let declared = columns(count, &|n| format!("C{n} INT"));
        let projected = columns(count, &|n| format!("I AS C{n}"));
        let mut engine = Engine::new(Catalog::assuming(1));
        engine.execute(SOURCE).unwrap();
        for statement in [
            format!("CREATE STREAM X ({declared}) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON');"),
            format!("CREATE STREAM Y AS SELECT ID, {projected} FROM S;"),
        ] {
            match engine.execute(&statement) {
                Ok(_) => assert!(fits),
                Err(error) => assert!(!fits && error.message.contains("columns"), "{error}"),
            }
        }
    }
}

#[test]
fn the_shipped_pipeline_is_supported_and_names_its_topics() {
    let text = include_str!("../../../../ksql/pipeline.sql");
    let script = Script::parse(text).unwrap();
    let sources: Vec<&str> = script.source_topics().collect();
    let sinks: Vec<&str> = script.sink_topics().collect();
    assert_eq!(sources, ["machine-weight", "weight-prediction"]);
    assert_eq!(sinks, ["weight-diff", "weight-retrain"]);
    assert!(
        !text.to_uppercase().contains("PARTITIONS="),
        "sinks have the partitions of their sources"
    );
    assert!(
        text.lines()
            .find(|line| !line.starts_with("--") && !line.is_empty())
            .unwrap()
            .starts_with("SET ")
    );
}
