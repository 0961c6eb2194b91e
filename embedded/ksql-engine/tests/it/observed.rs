//! Single observations on ksqlDB 8.2.2.

use ksql_engine::catalog::Catalog;
use ksql_engine::engine::{Engine, Input};
use ksql_engine::execute::Problem;

/// A key and a value.
type Pair = (Option<String>, Option<String>);

const SOURCE: &str = "CREATE STREAM S (K INT KEY, B BOOLEAN, I INT, J INT, L BIGINT, D DOUBLE, E DOUBLE, \
    V VARCHAR, W VARCHAR) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');";

/// The output of a query over S for records with these keys and values, and the problems.
fn run(query: &str, records: &[(Option<i32>, Option<&str>)]) -> (Vec<Pair>, Vec<Problem>) {
    let mut engine = Engine::new(Catalog::assuming(1));
    engine
        .execute(&format!("{SOURCE} {query}"))
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (mut pairs, mut problems) = (Vec::new(), Vec::new());
    for (offset, (key, value)) in (0..).zip(records) {
        let processed = engine.process(Input {
            topic: "s".to_owned(),
            key: key.map(|key| key.to_be_bytes().to_vec()),
            value: value.map(|value| value.as_bytes().to_vec()),
            timestamp: offset,
            ..Input::default()
        });
        let records = processed.records.into_iter();
        pairs.extend(records.map(|record| (record.key.map(text), record.value.map(text))));
        problems.extend(processed.problems);
    }
    (pairs, problems)
}

/// The value of an expression on a row.
fn value(expression: &str, row: &str) -> String {
    let query = format!("CREATE STREAM X AS SELECT K, {expression} AS R FROM S;");
    let (pairs, _) = run(&query, &[(Some(1), Some(row))]);
    let value = pairs[0].1.clone().unwrap();
    let value = value.strip_prefix(r#"{"R":"#).unwrap();
    value.strip_suffix('}').unwrap().to_owned()
}

#[test]
fn a_null_value_keeps_key_parts_computed_from_the_old_key() {
    for (key, expected) in [
        ("CAST(K + 2 AS VARCHAR)", Some("9")),
        ("'x'", Some("x")),
        ("V", None),
        ("V + 'x'", None),
        ("CAST(ROWTIME AS VARCHAR)", None),
    ] {
        let query = format!("CREATE STREAM X AS SELECT {key} AS N, I FROM S PARTITION BY {key};");
        let (pairs, _) = run(&query, &[(Some(7), None)]);
        assert_eq!(pairs, [(expected.map(str::to_owned), None)], "{key}");
    }
    let several = "CREATE STREAM X WITH (KEY_FORMAT='JSON') AS
        SELECT K + 2 AS N, V, I FROM S PARTITION BY K + 2, V;";
    let (pairs, _) = run(several, &[(Some(7), None), (None, None)]);
    let key = |text: &str| (Some(text.to_owned()), None);
    let expected = [key(r#"{"N":9,"V":null}"#), key(r#"{"N":null,"V":null}"#)];
    assert_eq!(pairs, expected);
}

#[test]
fn a_json_null_as_a_value_is_unreadable() {
    let copy = "CREATE STREAM X AS SELECT K, I FROM S;";
    let (pairs, problems) = run(copy, &[(Some(1), Some("null")), (Some(1), None)]);
    assert_eq!(pairs.len(), 1, "only the deletion passes: {pairs:?}");
    assert_eq!(problems[0].reason, "expected object, got null");
}

#[test]
fn maps_have_each_key_once_and_write_a_null_key_as_text() {
    assert_eq!(value("MAP(V := 1)", "{}"), r#"{"null":1}"#);
    assert_eq!(
        value("MAP('a' := 1, 'b' := 2, 'a' := 3)", "{}"),
        r#"{"a":3,"b":2}"#
    );
    assert_eq!(
        value("MAP(V := 1, W := 2)", r#"{"V":"x","W":"x"}"#),
        r#"{"x":2}"#
    );
}

#[test]
fn a_null_on_the_left_ends_a_comparison() {
    for (condition, row, expected) in [
        ("NOT (I > L + 1)", "{}", "true"),
        ("I = 1 / J", r#"{"J":0}"#, "false"),
        ("I BETWEEN J / 0 AND 5", r#"{"J":1}"#, "false"),
        ("NOT (I > L + 1)", r#"{"I":1}"#, "null"),
    ] {
        assert_eq!(value(condition, row), expected, "{condition} on {row}");
    }
}

#[test]
fn in_a_list_of_constants_nan_is_not_found() {
    for (row, expected) in [
        (r#"{"D":0,"E":0}"#, "false"),
        (r#"{"D":1,"E":0}"#, "false"),
        (r#"{"D":4,"E":2}"#, "true"),
    ] {
        assert_eq!(value("D / E IN (1.0, 2.0)", row), expected, "{row}");
    }
}

#[test]
fn a_text_with_javas_suffix_is_a_double() {
    for (text, expected) in [
        ("1d", "1.0"),
        (" -2.5F ", "-2.5"),
        ("NaN", "null"),
        ("d", "null"),
    ] {
        let row = format!(r#"{{"V":"{text}"}}"#);
        assert_eq!(value("CAST(V AS DOUBLE)", &row), expected, "{text}");
    }
}

#[test]
fn positions_beyond_integer_wrap_around_or_fail() {
    let row = r#"{"V":"abcdef","D":1.25,"I":2147483647,"J":-2147483648}"#;
    for (expression, expected) in [
        ("SUBSTRING(V, 1, I)", r#""abcdef""#),
        ("SUBSTRING(V, 3, I)", r#""""#),
        ("SUBSTRING(V, J, 2)", r#""ab""#),
        ("SUBSTRING(V, I, I)", r#""""#),
        ("ROUND(D, 1000)", "1.25"),
        ("ROUND(D, -1000)", "0.0"),
        ("ROUND(D, I)", "null"),
        ("ROUND(D, J)", "null"),
    ] {
        assert_eq!(value(expression, row), expected, "{expression}");
    }
}

#[test]
fn a_negative_zero_does_not_survive_a_repartition() {
    let rows = [(Some(1), Some(r#"{"D":0,"V":"a"}"#))];
    let value = |query: &str| run(query, &rows).0[0].1.clone().unwrap();
    let kept = "CREATE TABLE X AS SELECT K, LATEST_BY_OFFSET(-D) AS R FROM S GROUP BY K;";
    assert_eq!(value(kept), r#"{"R":-0.0}"#);
    let moved = "CREATE TABLE X AS SELECT V, LATEST_BY_OFFSET(-D) AS R FROM S GROUP BY V;";
    assert_eq!(value(moved), r#"{"R":0.0}"#);
}

#[test]
fn a_cast_can_be_the_key() {
    let group = "CREATE TABLE X AS SELECT CAST(I AS VARCHAR) AS G, COUNT(*) AS N FROM S
        GROUP BY CAST(I AS VARCHAR);";
    let partition = "CREATE STREAM X AS SELECT CAST(I AS VARCHAR) AS G, J FROM S
        PARTITION BY CAST(I AS VARCHAR);";
    for (query, expected) in [(group, r#"{"N":1}"#), (partition, r#"{"J":null}"#)] {
        let (pairs, _) = run(query, &[(Some(1), Some(r#"{"I":5}"#))]);
        assert_eq!(pairs, [(Some("5".to_owned()), Some(expected.to_owned()))]);
    }
}

#[test]
fn a_window_bound_may_name_its_source() {
    let query = "CREATE TABLE X AS SELECT V, S.WINDOWSTART AS A, S.WINDOWEND AS B, COUNT(*) AS N
        FROM S WINDOW TUMBLING (SIZE 1 SECOND) GROUP BY V;";
    let (pairs, _) = run(query, &[(Some(1), Some(r#"{"V":"a"}"#))]);
    let expected = r#"{"A":0,"B":1000,"N":1}"#;
    assert_eq!(pairs[0].1.as_deref(), Some(expected));
}

#[test]
fn a_join_writes_keys_in_the_left_sources_format() {
    let mut engine = Engine::new(Catalog::assuming(1));
    engine
        .execute(
            "CREATE STREAM A (K INT KEY, I INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
             CREATE STREAM B (K INT KEY, I INT) WITH (KAFKA_TOPIC='b', FORMAT='JSON');
             CREATE STREAM X AS SELECT A.I AS K, B.I AS I FROM A JOIN B WITHIN 1 DAY GRACE PERIOD 1 DAY ON A.I = B.K;
             CREATE STREAM Y AS SELECT B.K AS K, A.I AS I FROM B JOIN A WITHIN 1 DAY GRACE PERIOD 1 DAY ON B.K = A.I;",
        )
        .unwrap();
    let format = |name: &str| {
        engine
            .registry()
            .catalog()
            .source(name)
            .unwrap()
            .key_format
            .name()
    };
    assert_eq!((format("X"), format("Y")), ("KAFKA", "JSON"));
}
