//! The server answers any request and keeps answering.

use std::sync::OnceLock;

use proptest::prelude::*;

use crate::world::World;

const PATHS: [&str; 4] = ["/ksql", "/query", "/query-stream", "/close-query"];

/// A statement, or fragments of statements.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "SELECT",
        "*",
        " FROM ",
        "S",
        "EMIT CHANGES",
        " LIMIT 1",
        ";",
        "PRINT 't'",
        "CREATE STREAM ",
        "X",
        "(ID VARCHAR KEY, V INT)",
        " WITH (KAFKA_TOPIC='t', PARTITIONS=1, VALUE_FORMAT='JSON')",
        "DESCRIBE ",
        "SHOW ",
        "TOPICS",
        "EXTENDED",
        "SET 'auto.offset.reset'='earliest'",
        "DROP STREAM ",
        "TERMINATE ALL",
        "'",
        "\"",
        "`",
        "(",
        "))",
        "\u{0}",
        "ß→",
        " ",
        "\n",
        "-- ",
        "/*",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat()),
        ".{0,60}",
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let json = (text(), "[a-zA-Z.]{0,20}", "[a-z]{0,9}").prop_map(|(sql, name, value)| {
        serde_json::json!({
            "ksql": sql, "sql": sql, "queryId": value,
            "streamsProperties": {&name: &value}, "properties": {&name: &value},
        })
    });
    let without = text().prop_map(|sql| serde_json::json!({"ksql": sql, "sql": sql}));
    prop_oneof![
        without.prop_map(|json| json.to_string().into_bytes()),
        json.prop_map(|json| json.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..60),
        r#"[\[\]{}",:0-9a-z ]{0,60}"#.prop_map(String::into_bytes),
    ]
}

struct Fuzzed {
    runtime: tokio::runtime::Runtime,
    world: World,
}

fn fuzzed() -> &'static Fuzzed {
    static FUZZED: OnceLock<Fuzzed> = OnceLock::new();
    FUZZED.get_or_init(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let world = runtime.block_on(World::start());
        Fuzzed { runtime, world }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_body_makes_the_server_panic_or_hang(path in prop::sample::select(&PATHS[..]), body in body()) {
        let Fuzzed { runtime, world } = fuzzed();
        let error = runtime.block_on(async {
            let request = world.http.post(format!("{}{path}", world.url)).body(body);
            let response = tokio::time::timeout(test_support::PATIENCE, request.send()).await;
            let response = response.expect("an answer in time").expect("an answer");
            // Do not wait for the rows of an open query.
            match response.status().as_u16() {
                500.. => response.text().await.ok(),
                _ => None,
            }
        });
        // A panic in a handler is a 500 too, but not in ksqlDB's form.
        let error = error.unwrap_or_default();
        prop_assert!(error.is_empty() || error.contains("error_code"), "{error}");
        prop_assert!(!error.contains("interrupted"), "{error}");
    }
}
