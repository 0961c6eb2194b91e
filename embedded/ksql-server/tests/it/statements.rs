//! Statements beyond what was recorded.

use serde_json::json;

use crate::world::World;
use test_support::{PATIENCE as LIMIT, eventually};

const SOURCE: &str = "CREATE STREAM S (ID VARCHAR KEY, V INT) WITH (KAFKA_TOPIC='s', PARTITIONS=3, VALUE_FORMAT='JSON');";

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_sees_the_effects_of_earlier_ones() {
    let world = World::start().await;
    let (status, answer) = world
        .ksql(&format!(
            "SHOW STREAMS;{SOURCE}SHOW STREAMS;DROP STREAM S;SHOW STREAMS;"
        ))
        .await;
    assert_eq!(status, 200, "{answer}");
    let shown: Vec<usize> = answer
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entity| entity["streams"].as_array())
        .map(Vec::len)
        .collect();
    assert_eq!(shown, [0, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refused_statement_stops_the_whole_request() {
    let world = World::start().await;
    let (status, error) = world.ksql(&format!("{SOURCE}\nDROP STREAM NOPE;")).await;
    assert_eq!(
        (status, &error["statementText"]),
        (400, &"DROP STREAM NOPE;".into())
    );
    let (_, answer) = world.ksql("SHOW STREAMS;").await;
    assert_eq!(answer[0]["streams"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_cannot_be_deleted_keeps_its_source() {
    let world = World::embedded().await;
    let (status, _) = world.ksql(SOURCE).await;
    assert_eq!(status, 200);
    let fill = "CREATE STREAM X WITH (KAFKA_TOPIC='x') AS SELECT ID, V FROM S;";
    world.ksql(fill).await;
    for drop in [
        "DROP STREAM X DELETE TOPIC;",
        "SHOW STREAMS; DROP STREAM X DELETE TOPIC;",
    ] {
        let (status, error) = world.ksql(drop).await;
        assert_eq!((status, &error["error_code"]), (400, &40_001.into()));
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("drop without DELETE TOPIC"), "{message}");
    }
    let registry = world.runtime.registry();
    assert!(registry.catalog().source("X").is_some());
    assert_eq!(registry.queries().len(), 1);
    let (status, answer) = world
        .ksql("DROP STREAM IF EXISTS Y DELETE TOPIC; DROP STREAM X;")
        .await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn print_follows_the_offset_reset() {
    let world = World::start().await;
    world.ksql(SOURCE).await;
    world.send("s", Some("a"), Some("1"), 5).await;
    let body = json!({
        "ksql": "PRINT 's' LIMIT 1;",
        "streamsProperties": {"auto.offset.reset": "earliest"},
    });
    let (status, text) = world.post_text("/query", &body.to_string()).await;
    assert_eq!(status, 200);
    assert!(text.contains("key: a, value: 1"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_registry_format_is_refused_with_its_place() {
    let world = World::start().await;
    let (status, error) = world.ksql(&SOURCE.replace("JSON", "AVRO")).await;
    let message = error["message"].as_str().unwrap();
    let expected = "Line: 1, Col: 91: not supported here: format AVRO is not supported; supported are JSON and KAFKA";
    assert_eq!((status, message), (400, expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_has_the_position_in_the_request() {
    let world = World::start().await;
    let (status, error) = world
        .ksql(&format!(
            "{SOURCE}\n  CREATE STREAM T AS SELECT ID, NOFUNCTION(V) AS W FROM S;"
        ))
        .await;
    assert_eq!((status, &error["error_code"]), (400, &40_001.into()));
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("Line: 2, Col: 33:"), "{message}");
    let (_, error) = world
        .post("/query", &json!({"ksql": "SELECT * FROM S"}))
        .await;
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("line 1:16: Syntax Error"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_has_the_partitions_of_its_source() {
    let world = World::start().await;
    world.ksql(SOURCE).await;
    world.send("s", Some("a"), Some(r#"{"V":21}"#), 5).await;
    let request = json!({
        "ksql": "CREATE STREAM X WITH (KAFKA_TOPIC='x') AS SELECT ID, V * 2 AS W FROM S;",
        "streamsProperties": {"ksql.streams.auto.offset.reset": "earliest"},
    });
    let (status, answer) = world.post("/ksql", &request).await;
    assert_eq!(status, 200, "{answer}");
    let (_, answer) = world.ksql("DESCRIBE X;").await;
    assert_eq!(answer[0]["sourceDescription"]["partitions"], 3);
    let select = json!({
        "sql": "SELECT * FROM X WHERE W > 1 EMIT CHANGES LIMIT 1;",
        "properties": {"auto.offset.reset": "earliest"},
    });
    let (_, rows) = world.post_text("/query-stream", &select.to_string()).await;
    assert_eq!(rows.lines().nth(1), Some(r#"["a",42]"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_deletion_is_a_tombstone_row_with_its_key() {
    let world = World::start().await;
    world
        .ksql("CREATE TABLE T (ID VARCHAR PRIMARY KEY, V INT) WITH (KAFKA_TOPIC='t', PARTITIONS=1, VALUE_FORMAT='JSON');")
        .await;
    world.send("t", Some("a"), Some(r#"{"V":1}"#), 5).await;
    world.send("t", Some("a"), None, 6).await;
    let select = json!({"ksql": "SELECT V, ID FROM T EMIT CHANGES LIMIT 2;"});
    let (_, rows) = world.post_text("/query", &select.to_string()).await;
    let rows: Vec<&str> = rows.lines().skip(1).take(2).collect();
    assert_eq!(
        rows,
        [
            r#"{"row":{"columns":[1,"a"]}},"#,
            r#"{"row":{"columns":[null,"a"],"tombstone":true}},"#
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_transient_query_is_reported_to_its_client_only() {
    let world = World::start().await;
    world.ksql(SOURCE).await;
    let select = json!({
        "ksql": "SELECT ID, COUNT(*) AS N FROM S WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY ID EMIT CHANGES;",
        "streamsProperties": {"auto.offset.reset": "earliest"},
    });
    // ksqlDB's query fails on such a record too.
    world.send("s", Some("a"), None, 5).await;
    let (status, rows) = world.post_text("/query", &select.to_string()).await;
    assert_eq!(status, 200);
    assert!(
        rows.contains(r#"{"errorMessage":{"@type":"generic_error","error_code":50000"#),
        "{rows}"
    );
    assert_eq!(world.ksql("SHOW STREAMS;").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_query_shows_its_error_and_the_others_continue() {
    let world = World::start().await;
    let request = json!({
        "ksql": format!("{SOURCE} CREATE TABLE N WITH (KAFKA_TOPIC='n') AS SELECT ID, COUNT(*) AS N FROM S WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY ID;"),
        "streamsProperties": {"auto.offset.reset": "earliest"},
    });
    let (status, answer) = world.post("/ksql", &request).await;
    assert_eq!(status, 200, "{answer}");
    world.send("s", Some("a"), None, 5).await;
    eventually("the query fails", || async {
        !world.runtime.failed_queries().is_empty()
    })
    .await;
    let id = world.query_ids()["N"].clone();
    let (_, answer) = world.ksql(&format!("SHOW QUERIES; EXPLAIN {id};")).await;
    assert_eq!(answer[0]["queries"][0]["state"], "ERROR");
    let error = &answer[1]["queryDescription"]["queryErrors"][0]["errorMessage"];
    assert!(error.as_str().unwrap().contains("null value"), "{error}");
    let running = world.runtime.run(world.shutdown.clone());
    world.shutdown.cancel();
    tokio::time::timeout(LIMIT, running).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn earlier_declarations_are_shown_and_have_a_status() {
    let world = World::start().await;
    world.create_topic("s", 3).await;
    world.runtime.execute(SOURCE).await.unwrap();
    let (_, answer) = world
        .ksql("SHOW STREAMS; SHOW FUNCTIONS; SHOW PROPERTIES;")
        .await;
    assert_eq!(answer[0]["streams"][0]["name"], "S");
    let functions = answer[1]["functions"].as_array().unwrap();
    assert!(
        functions.contains(&json!({"name": "AVG", "type": "AGGREGATE", "category": "AGGREGATE"}))
    );
    assert_eq!(answer[2]["@type"], "properties");
    let status = world
        .http
        .get(format!("{}/status/stream/%60S%60/create", world.url))
        .send();
    let status = tokio::time::timeout(LIMIT, status).await.unwrap().unwrap();
    let status: serde_json::Value = status.json().await.unwrap();
    assert_eq!(status["message"], "Stream created");
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_settings_are_requested_only_for_statement_texts() {
    let world = World::start().await;
    let fill = "CREATE STREAM X WITH (KAFKA_TOPIC='x') AS SELECT ID, V FROM S;";
    let (status, answer) = world.ksql(&format!("{SOURCE}{fill}")).await;
    assert_eq!(status, 200, "{answer}");
    let requests = world.retention_requests();
    let (status, _) = world.ksql("SHOW STREAMS; SHOW TOPICS;").await;
    assert_eq!(status, 200);
    let select = json!({"ksql": "SELECT * FROM X;"});
    let (status, answer) = world.post_text("/query", &select.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(world.retention_requests(), requests);
    let (_, answer) = world.ksql("DESCRIBE X;").await;
    let text = answer[0]["sourceDescription"]["statement"].as_str();
    assert!(text.unwrap().contains("RETENTION_MS=604800000"), "{answer}");
    assert_eq!(world.retention_requests(), requests + 1);
}

/// The rows of a response, one per line, without the header.
async fn rows(world: &World, sql: &str) -> Vec<String> {
    let request = json!({ "sql": sql }).to_string();
    let (status, answer) = world.post_text("/query-stream", &request).await;
    assert_eq!(status, 200, "{answer}");
    answer.lines().skip(1).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_lookup_returns_open_windows_and_retained_closed_ones() {
    let world = World::start().await;
    world.ksql(&SOURCE.replace("=3", "=1")).await;
    let window = "TUMBLING (SIZE 1 SECOND, RETENTION 10 SECONDS, GRACE PERIOD 0 SECONDS)";
    let table = format!(
        "SET 'auto.offset.reset'='earliest'; CREATE TABLE T AS SELECT ID, SUM(V) AS N FROM S WINDOW {window} \
         GROUP BY ID HAVING SUM(V) > 1 EMIT FINAL;"
    );
    let (status, answer) = world.ksql(&table).await;
    assert_eq!(status, 200, "{answer}");
    let value = |v: i64| format!(r#"{{"V":{v}}}"#);
    for (key, v, time) in [
        ("b", 2, 20_000),
        ("a", 3, 20_000),
        ("a", 1, 21_000),
        ("a", 4, 22_000),
    ] {
        world.send("s", Some(key), Some(&value(v)), time).await;
    }
    world.wait_until_read("T", 4).await;
    let all = "SELECT * FROM T;";
    let (a, b) = (r#"["a",20000,21000,3]"#, r#"["b",20000,21000,2]"#);
    let open = r#"["a",22000,23000,4]"#;
    // A window that fails HAVING is not in the table.
    assert_eq!(rows(&world, all).await, [a, b, open]);
    assert_eq!(
        rows(
            &world,
            "SELECT * FROM T WHERE ID='a' AND WINDOWSTART < 22000;"
        )
        .await,
        [a]
    );
    assert_eq!(
        rows(&world, "SELECT N * 2 AS D, ID FROM T LIMIT 2;").await,
        [r#"[6,"a"]"#, r#"[4,"b"]"#]
    );
    let v1 = json!({"ksql": "SELECT ID, N FROM T WHERE ID='nobody';"}).to_string();
    let (_, answer) = world.post_text("/query", &v1).await;
    assert!(
        answer.ends_with("`ID` STRING KEY, `N` INTEGER\"}}]"),
        "{answer}"
    );

    world.send("s", Some("a"), Some(&value(5)), 32_000).await;
    world.wait_until_read("T", 5).await;
    assert_eq!(rows(&world, all).await, [open, r#"["a",32000,33000,5]"#]);

    let (_, answer) = world.ksql("SHOW QUERIES;").await;
    let id = answer[0]["queries"][0]["id"].as_str().unwrap();
    world.ksql(&format!("TERMINATE {id};")).await;
    let (status, answer) = world.post("/query", &json!({ "ksql": all })).await;
    assert_eq!(status, 400, "{answer}");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("`T` table isn't queryable"), "{message}");
}
