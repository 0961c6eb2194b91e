//! Limits for clients.

use ksql_engine::registry::Effect;
use ksql_server::Limits;
use serde_json::json;

use crate::world::World;
use test_support::{PATIENCE as LIMIT, eventually};

const SOURCE: &str = "CREATE STREAM S (ID VARCHAR KEY, V VARCHAR) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');";

async fn open(world: &World, sql: &str) -> reqwest::Response {
    let body = json!({"sql": sql, "properties": {"auto.offset.reset": "earliest"}});
    let request = world.http.post(format!("{}/query-stream", world.url));
    let sent = request.body(body.to_string()).send();
    tokio::time::timeout(LIMIT, sent).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_connection_frees_its_slot() {
    let limits = Limits {
        open_queries: 1,
        ..Limits::default()
    };
    let world = World::with(limits, -1).await;
    world.ksql(SOURCE).await;
    let first = open(&world, "SELECT * FROM S EMIT CHANGES;").await;
    assert_eq!(first.status(), 200);
    let second = open(&world, "SELECT * FROM S EMIT CHANGES;").await;
    assert_eq!(second.status(), 400);
    assert!(second.text().await.unwrap().contains("which is the limit"));
    drop(first);
    eventually("the slot is free again", || async {
        open(&world, "SELECT * FROM S EMIT CHANGES;").await.status() == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_closed_by_its_id() {
    let world = World::start().await;
    world.ksql(SOURCE).await;
    let mut rows = open(&world, "SELECT * FROM S EMIT CHANGES;").await;
    let header = tokio::time::timeout(LIMIT, rows.chunk())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    let close = json!({"queryId": header["queryId"]});
    let (status, _) = world.post("/close-query", &close).await;
    assert_eq!(status, 200);
    let end = tokio::time::timeout(LIMIT, rows.chunk())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(end.unwrap_or_default(), "");
    let (status, error) = world.post("/close-query", &close).await;
    assert_eq!((status, &error["error_code"]), (400, &40_000.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_scripts_are_limited() {
    let limits = Limits {
        body_bytes: 1_000,
        statements: 3,
        ..Limits::default()
    };
    let world = World::with(limits, -1).await;
    let (status, error) = world.ksql(&" ".repeat(2_000)).await;
    assert_eq!((status, &error["@type"]), (413, &"generic_error".into()));
    let (status, error) = world.ksql(&"SHOW STREAMS;".repeat(4)).await;
    assert_eq!(status, 400, "{error}");
    assert_eq!(world.ksql(&"SHOW STREAMS;".repeat(3)).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_pauses_its_query() {
    let world = World::start().await;
    world.ksql(SOURCE).await;
    let value = json!({"V": "x".repeat(10_000)}).to_string();
    for _ in 0..200 {
        world.send("s", Some("a"), Some(&value), 1).await;
    }
    // Each record has many columns: the output is much larger than the input.
    let columns: Vec<String> = (0..100).map(|n| format!("V AS V{n}")).collect();
    let sql = format!(
        "SELECT {} FROM S EMIT CHANGES LIMIT 200;",
        columns.join(",")
    );
    let mut rows = open(&world, &sql).await;
    // Read only the header while other queries are answered.
    tokio::time::timeout(LIMIT, rows.chunk())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let (status, _) = world.ksql("SHOW STREAMS;").await;
    assert_eq!(status, 200);
    // Nothing was dropped while the client did not read.
    let mut lines = 0;
    while let Some(chunk) = tokio::time::timeout(LIMIT, rows.chunk())
        .await
        .unwrap()
        .unwrap()
    {
        lines += chunk.iter().filter(|byte| **byte == b'\n').count();
    }
    assert_eq!(lines, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_ends_the_open_queries() {
    let mut world = World::start().await;
    world.ksql(SOURCE).await;
    let mut rows = open(&world, "SELECT * FROM S EMIT CHANGES;").await;
    tokio::time::timeout(LIMIT, rows.chunk())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    world.shutdown.cancel();
    let served = world.served.take().unwrap();
    while let Some(chunk) = tokio::time::timeout(LIMIT, rows.chunk())
        .await
        .unwrap()
        .unwrap()
    {
        assert!(chunk.is_empty());
    }
    tokio::time::timeout(LIMIT, served)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_does_not_delay_shutdown() {
    let world = World::start().await;
    world.ksql(SOURCE).await;
    // One record changes 3,600 windows: more than fit in a client's queue.
    let sql = "SELECT ID, COUNT(*) AS N FROM S WINDOW HOPPING (SIZE 1 HOUR, ADVANCE BY 1 SECOND) \
               GROUP BY ID EMIT CHANGES;";
    let value = r#"{"V":"x"}"#;
    world.send("s", Some("a"), Some(value), 10_000_000).await;
    let executed = world.runtime.registry().execute(sql).unwrap();
    let Effect::Select(plan) = &executed[0].effects[0] else {
        panic!("{executed:?}");
    };
    let listener = world.runtime.listen(plan, true).unwrap();
    eventually("the queue of the listener is full", || async {
        listener.changes.len() == listener.changes.max_capacity()
    })
    .await;
    let running = world.runtime.run(world.shutdown.clone());
    world.shutdown.cancel();
    tokio::time::timeout(LIMIT, running).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn health_reports_a_terminated_query_of_the_pipeline() {
    let world = World::start().await;
    world.create_topic("s", 1).await;
    let pipeline =
        format!("{SOURCE} CREATE STREAM X WITH (KAFKA_TOPIC='x') AS SELECT ID, V FROM S;");
    world.runtime.execute(&pipeline).await.unwrap();
    let health = || async {
        let sent = world.http.get(format!("{}/healthcheck", world.url)).send();
        let reply = tokio::time::timeout(LIMIT, sent).await.unwrap().unwrap();
        reply.json::<serde_json::Value>().await.unwrap()
    };
    let before = health().await;
    assert_eq!(before["isHealthy"], true);
    assert!(before["details"].get("queries").is_none());
    let query = world.runtime.registry().queries()[0].id.clone();
    world.ksql(&format!("TERMINATE {query};")).await;
    let after = health().await;
    assert_eq!(after["isHealthy"], false);
    let faults = after["details"]["queries"]["faults"].to_string();
    assert!(faults.contains("'x'"), "{faults}");
}
