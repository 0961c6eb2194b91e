//! No text makes the parser panic or nest beyond its limit.

use ksql_engine::catalog::Catalog;
use ksql_engine::engine::Engine;
use ksql_parser::parse_script;
use proptest::prelude::*;

const WORDS: &[&str] = &[
    "CREATE",
    "STREAM",
    "TABLE",
    "AS",
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "BY",
    "HAVING",
    "EMIT",
    "CHANGES",
    "FINAL",
    "WINDOW",
    "TUMBLING",
    "HOPPING",
    "(",
    ")",
    ",",
    ";",
    "*",
    "+",
    "-",
    "/",
    "=",
    "<",
    ">",
    "->",
    "[",
    "]",
    "'text'",
    "\"Name\"",
    "`x`",
    "1",
    "0.15",
    "1e3",
    "S",
    "A",
    "ID",
    "NULL",
    "NOT",
    "AND",
    "OR",
    "IN",
    "LIKE",
    "BETWEEN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST",
    "INT",
    "STRUCT",
    "<",
    "ARRAY",
    "MAP",
    ":=",
    "=>",
    "SIZE",
    "SECONDS",
    "WITH",
    "KAFKA_TOPIC",
    "JOIN",
    "WITHIN",
    "ON",
    "COUNT",
    "SUM",
    "LIMIT",
    "PARTITION",
    "--",
    "/*",
    "*/",
    "'",
    "\"",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_or_rejected(text in "\\PC{0,200}") {
        let _ = parse_script(&text);
    }

    #[test]
    fn any_words_are_executed_or_rejected(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..80)) {
        let text = words.join(" ");
        let mut engine = Engine::new(Catalog::assuming(1));
        engine
            .execute("CREATE STREAM S (ID VARCHAR KEY, A INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');")
            .unwrap();
        if let Err(error) = engine.execute(&text) {
            prop_assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty());
        }
    }

    #[test]
    fn any_projection_is_executed_or_rejected(words in proptest::collection::vec(proptest::sample::select(WORDS), 1..30)) {
        let mut engine = Engine::new(Catalog::assuming(1));
        let text = format!(
            "CREATE STREAM S (ID VARCHAR KEY, A INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON'); CREATE STREAM X AS SELECT ID, {} FROM S;",
            words.join(" ")
        );
        let _ = engine.execute(&text);
    }
}

/// `CASE WHEN … BETWEEN 0 AND 1 THEN 1 ELSE 0 END`, nested `depth` times.
fn nested_between(depth: usize, innermost: &str) -> String {
    let when = "CASE WHEN ".repeat(depth);
    let then = " BETWEEN 0 AND 1 THEN 1 ELSE 0 END".repeat(depth);
    format!("{when}{innermost}{then}")
}

#[test]
fn expressions_just_within_the_limits_are_executed() {
    let deep = format!("{}A{}", "ABS(".repeat(35), ")".repeat(35));
    let long = format!("A{}", " + 1".repeat(120));
    let between = nested_between(35, "A");
    let mut engine = Engine::new(Catalog::assuming(1));
    engine
        .execute(&format!(
            "CREATE STREAM S (ID VARCHAR KEY, A INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
             CREATE STREAM X AS SELECT ID, {deep} AS D, {long} AS L, {between} AS B FROM S;"
        ))
        .unwrap();
    let processed = engine.process(ksql_engine::engine::Input {
        topic: "s".to_owned(),
        value: Some(br#"{"A":-3}"#.to_vec()),
        ..Default::default()
    });
    assert_eq!(
        processed.records[0].value.as_deref(),
        Some(&br#"{"D":3,"L":117,"B":1}"#[..])
    );
}

#[test]
fn deep_nesting_and_long_chains_are_refused() {
    let from = "FROM S EMIT CHANGES;";
    let deep = |open: &str, inner: &str, close: &str| {
        format!(
            "SELECT {}{inner}{} {from}",
            open.repeat(100_000),
            close.repeat(100_000)
        )
    };
    let texts = [
        deep("(", "1", ")"),
        deep("NOT ", "TRUE", ""),
        deep("- ", "A", ""),
        deep("ABS(", "1", ")"),
        deep("CASE WHEN TRUE THEN ", "1", " END"),
        deep("A[", "1", "]"),
        format!("SELECT {} {from}", nested_between(100_000, "A")),
        format!("SELECT 1{} {from}", " + 1".repeat(100_000)),
        format!("SELECT A{} {from}", "->B".repeat(100_000)),
        format!(
            "SELECT A FROM S WHERE A = 1{};",
            " AND A = 1".repeat(60_000)
        ),
        format!(
            "CREATE STREAM S (A {}INT{});",
            "ARRAY<".repeat(100_000),
            ">".repeat(100_000)
        ),
        format!("SELECT A FROM S GROUP BY {};", "(".repeat(500_000)),
    ];
    for text in texts {
        let error = parse_script(&text).unwrap_err();
        assert!(!error.message.is_empty());
    }
}
