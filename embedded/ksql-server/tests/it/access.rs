//! Who may do what: host names, the token, internal topics.

use reqwest::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use serde_json::json;

use crate::world::World;
use ksql_server::Token;
use test_support::PATIENCE as LIMIT;

const SOURCE: &str = "CREATE STREAM S (ID VARCHAR KEY, V INT) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');";

/// The response to a statement with a header.
async fn send(world: &World, sql: &str, name: &str, value: &str) -> reqwest::Response {
    let request = world.http.post(format!("{}/ksql", world.url));
    let request = request.body(json!({ "ksql": sql }).to_string());
    let sent = request.header(name, value).send();
    tokio::time::timeout(LIMIT, sent).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_known_host_names_are_answered() {
    let world = World::start().await;
    for (host, status) in [
        ("localhost:8088", 200),
        ("[::1]:8088", 200),
        ("ksqldb.example", 200),
        ("evil.example:8088", 421),
    ] {
        let answer = send(&world, "SHOW STREAMS;", HOST.as_str(), host).await;
        assert_eq!(answer.status(), status, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_something_needs_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "t0ken\n").unwrap();
    let world = World::guarded(Token::read("--token-file", &file).unwrap()).await;
    for sql in [
        SOURCE,
        "SHOW STREAMS; TERMINATE ALL;",
        "DROP STREAM IF EXISTS S;",
    ] {
        for wrong in ["Bearer t0ke", "Basic dXNlcjpubw=="] {
            let answer = send(&world, sql, AUTHORIZATION.as_str(), wrong).await;
            assert_eq!(answer.status(), 401, "{sql}");
            assert!(answer.headers().contains_key(WWW_AUTHENTICATE));
            let error: serde_json::Value = answer.json().await.unwrap();
            assert_eq!(error["error_code"], 40_100);
        }
        assert_eq!(world.ksql(sql).await.0, 401, "{sql}");
    }
    let closed = world.post("/close-query", &json!({"queryId": "q"})).await;
    assert_eq!(closed.0, 401);
    assert_eq!(world.ksql("SHOW STREAMS;").await.0, 200);
    // `user:t0ken`
    let answer = send(
        &world,
        SOURCE,
        AUTHORIZATION.as_str(),
        "Basic dXNlcjp0MGtlbg==",
    )
    .await;
    assert_eq!(answer.status(), 200);
    let drop = "DROP STREAM S;";
    let answer = send(&world, drop, AUTHORIZATION.as_str(), "Bearer t0ken").await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn internal_topics_are_hidden_and_read_only() {
    let world = World::start().await;
    let internal = [
        "__consumer_offsets",
        "_confluent-x",
        "connect-offsets",
        "_schemas",
    ];
    for topic in internal {
        world.create_topic(topic, 1).await;
    }
    world.ksql(SOURCE).await;
    let (_, shown) = world.ksql("SHOW TOPICS;").await;
    let names: Vec<&str> = shown[0]["topics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|topic| topic["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["default_ksql_processing_log", "s"]);
    for topic in internal {
        let declare = SOURCE
            .replace("STREAM S", "STREAM I")
            .replace("'s'", &format!("'{topic}'"));
        assert_eq!(world.ksql(&declare).await.0, 200, "reading {topic}");
        for write in [
            format!("CREATE STREAM X WITH (KAFKA_TOPIC='{topic}') AS SELECT * FROM S;"),
            "INSERT INTO I SELECT * FROM S;".to_owned(),
        ] {
            let (status, error) = world.ksql(&write).await;
            let message = error["message"].as_str().unwrap_or_default();
            assert!(
                status == 400 && message.contains("read-only"),
                "{write}: {error}"
            );
        }
        assert_eq!(world.ksql("DROP STREAM I DELETE TOPIC;").await.0, 400);
        assert_eq!(world.ksql("DROP STREAM I;").await.0, 200);
    }
    let create = SOURCE
        .replace("STREAM S", "STREAM N")
        .replace("'s'", "'__new'");
    let (status, error) = world.ksql(&create).await;
    assert_eq!(status, 400, "{error}");
}
