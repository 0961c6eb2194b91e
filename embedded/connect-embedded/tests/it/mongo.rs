//! The MongoDB sink.

use std::sync::Arc;

use connect_embedded::{Connectors, Outcome};
use serde_json::{Value, json};

use test_support::eventually;

use crate::support::{Broker, Documents, Fail, Running, file};

const ROWS: &str = "Db.Rows";

fn sink(changes: Value) -> Connectors {
    let mut options = json!({
        "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
        "topics": "rows",
        "connection.uri": "${env:STORE}",
        "database": "Db",
        "collection": "Rows",
        "document.id.strategy":
            "com.mongodb.kafka.connect.sink.processor.id.strategy.ProvidedInValueStrategy",
        "writemodel.strategy":
            "com.mongodb.kafka.connect.sink.writemodel.strategy.ReplaceOneDefaultStrategy",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "rows-dlq",
        "errors.deadletterqueue.context.headers.enable": "true",
    });
    for (option, value) in changes.as_object().expect("options") {
        options[option] = value.clone();
    }
    let resolver = |name: &str| (name == "STORE").then(|| "anything:".to_owned());
    Connectors::from_sources(&[file("Rows", options)], resolver).expect("a valid file")
}

async fn row(broker: &Broker, value: &str) {
    broker.write("rows", b"key", Some(value.as_bytes())).await;
}

#[tokio::test]
async fn a_row_delivered_twice_is_stored_once() {
    let (broker, store) = (Broker::start(), Arc::new(Documents::default()));
    let running = Running::start(&broker, sink(json!({})), store.clone()).await;
    row(&broker, r#"{"_id":"a","n":1,"x":0.30000000000000004}"#).await;
    row(&broker, r#"{"_id":"a","n":1,"x":0.30000000000000004}"#).await;
    row(&broker, r#"{"_id":"b"}"#).await;
    assert_eq!(store.ids_with(ROWS, "b").await, ["a", "b"]);
    let document = json!({"_id": "a", "n": 1, "x": 0.300_000_000_000_000_04});
    assert_eq!(Value::Object(store.document(ROWS, "a").await), document);
    assert_eq!(store.writes().iter().sum::<usize>(), 3);
    running.stop().await;
}

#[tokio::test]
async fn a_record_that_is_not_a_document_is_dead_lettered_unchanged() {
    let (broker, store) = (Broker::start(), Arc::new(Documents::default()));
    let running = Running::start(&broker, sink(json!({})), store.clone()).await;
    broker.write("rows", b"\xff7", Some(b"{broken \xfe")).await;
    for value in [r#"{"no":"id"}"#, r#"{"_id":null}"#, "[1]", "5"] {
        row(&broker, value).await;
    }
    row(&broker, r#"{"_id":"next"}"#).await;
    let dead = broker.read("rows-dlq", 5).await;
    assert_eq!(store.ids_with(ROWS, "next").await, ["next"]);
    assert_eq!(dead[0].key.as_deref(), Some(&b"\xff7"[..]));
    assert_eq!(dead[0].value.as_deref(), Some(&b"{broken \xfe"[..]));
    assert_eq!(dead[0].timestamp, Some(1000));
    let expected = [
        ("topic", "rows"),
        ("partition", "0"),
        ("offset", "0"),
        ("connector.name", "Rows"),
        ("task.id", "0"),
        ("stage", "VALUE_CONVERTER"),
        ("class.name", "org.apache.kafka.connect.json.JsonConverter"),
        (
            "exception.class.name",
            "org.apache.kafka.connect.errors.DataException",
        ),
    ];
    for (name, text) in expected {
        assert_eq!(dead[0].header(&format!("__connect.errors.{name}")), text);
    }
    for (offset, dead_letter) in dead.iter().enumerate().skip(1) {
        assert_eq!(dead_letter.header("__connect.errors.stage"), "TASK_PUT");
        assert_eq!(
            dead_letter.header("__connect.errors.offset"),
            offset.to_string()
        );
    }
    assert!(
        dead[1]
            .header("__connect.errors.exception.message")
            .contains("_id")
    );
    assert_eq!(running.stats.count("Rows", Outcome::DeadLettered), 5);
    running.stop().await;
}

#[tokio::test]
async fn a_dead_letter_that_is_too_large_keeps_only_its_headers() {
    let (broker, store) = (Broker::start(), Arc::new(Documents::default()));
    let running = Running::start(&broker, sink(json!({})), store.clone()).await;
    row(&broker, &"x".repeat(1_048_300)).await;
    row(&broker, r#"{"_id":"next"}"#).await;
    assert_eq!(store.ids_with(ROWS, "next").await, ["next"]);
    let dead = broker.read("rows-dlq", 1).await;
    assert_eq!(dead[0].value, None);
    assert_eq!(dead[0].header("__connect.errors.offset"), "0");
    assert!(dead[0].header("dlq.omitted").starts_with("10483"));
    running.stop().await;
}

#[tokio::test]
async fn a_tombstone_is_dropped_without_a_dead_letter() {
    let (broker, store) = (Broker::start(), Arc::new(Documents::default()));
    let running = Running::start(&broker, sink(json!({})), store.clone()).await;
    broker.write("rows", b"key", None).await;
    row(&broker, "null").await;
    row(&broker, "not JSON").await;
    // Dead letters of the tombstones would come before this one.
    let dead = broker.read("rows-dlq", 1).await;
    assert_eq!(dead[0].text(), "not JSON");
    assert_eq!(running.stats.count("Rows", Outcome::Filtered), 2);
    assert!(store.writes().is_empty());
    running.stop().await;
}

#[tokio::test]
async fn an_outage_of_the_store_loses_no_row() {
    let failures = [Fail::Unavailable, Fail::Unavailable, Fail::Unavailable];
    let (broker, store) = (Broker::start(), Arc::new(Documents::failing(failures)));
    let running = Running::start(&broker, sink(json!({})), store.clone()).await;
    row(&broker, r#"{"_id":"a"}"#).await;
    row(&broker, r#"{"_id":"b"}"#).await;
    assert_eq!(store.ids_with(ROWS, "b").await, ["a", "b"]);
    assert!(store.writes().len() > 3, "{:?}", store.writes());
    assert_eq!(running.stats.count("Rows", Outcome::DeadLettered), 0);
    running.stop().await;
}

#[tokio::test]
async fn an_outage_longer_than_the_timeout_ends_in_a_dead_letter() {
    let failures = (0..100).map(|_| Fail::Unavailable);
    let (broker, store) = (Broker::start(), Arc::new(Documents::failing(failures)));
    let patient = json!({"connection.uri": "${env:STORE}/?serverSelectionTimeoutMS=1000"});
    let running = Running::start(&broker, sink(patient), store.clone()).await;
    row(&broker, r#"{"_id":"a"}"#).await;
    let dead = broker.read("rows-dlq", 1).await;
    assert_eq!(dead[0].text(), r#"{"_id":"a"}"#);
    assert!(
        dead[0]
            .header("__connect.errors.exception.message")
            .contains("no route")
    );
    assert!(
        (2..100).contains(&store.writes().len()),
        "{:?}",
        store.writes()
    );
    running.stop().await;
}

#[tokio::test]
async fn a_rejected_row_is_dead_lettered_and_the_next_is_stored() {
    let (broker, store) = (
        Broker::start(),
        Arc::new(Documents::failing([Fail::Rejected])),
    );
    let running = Running::start(&broker, sink(json!({})), store.clone()).await;
    row(&broker, r#"{"_id":"a"}"#).await;
    assert_eq!(broker.read("rows-dlq", 1).await[0].text(), r#"{"_id":"a"}"#);
    row(&broker, r#"{"_id":"b"}"#).await;
    assert_eq!(store.ids_with(ROWS, "b").await, ["b"]);
    running.stop().await;
}

/// Rows that are on the topic before the sink starts, so that one poll brings them.
async fn backlog(
    rows: impl IntoIterator<Item = Value>,
    changes: Value,
    store: Documents,
) -> (Broker, Arc<Documents>, Running) {
    let (broker, store) = (Broker::start(), Arc::new(store));
    for one in rows {
        row(&broker, &one.to_string()).await;
    }
    let running = Running::start(&broker, sink(changes), store.clone()).await;
    (broker, store, running)
}

#[tokio::test]
async fn a_backlog_is_written_in_batches_of_at_most_500_rows() {
    let rows = (0..1_100).map(|n| json!({"_id": format!("{:04}", n % 1_000), "n": n}));
    // An outage, in which the rest of the backlog arrives.
    let outage = Documents::failing([(); 4].map(|()| Fail::Unavailable));
    let (_broker, store, running) = backlog(rows, json!({}), outage).await;
    eventually("all rows are delivered", async || {
        running.stats.count("Rows", Outcome::Delivered) == 1_100
    })
    .await;
    let writes = store.writes();
    let written = writes.iter().skip(4);
    assert_eq!(written.clone().sum::<usize>(), 1_100);
    assert_eq!(written.max(), Some(&500), "{writes:?}");
    // The last of several documents with one `_id` remains.
    assert_eq!(store.document(ROWS, "0007").await["n"], 1_007);
    assert_eq!(store.ids_with(ROWS, "0999").await.len(), 1_000);
    running.stop().await;
}

#[tokio::test]
async fn a_refused_row_of_a_batch_is_dead_lettered_alone() {
    let rows = ["a", "refused 1", "b", "refused 2", "c"].map(|id| json!({"_id": id}));
    let (broker, store, running) = backlog(rows, json!({}), Documents::default()).await;
    let dead = broker.read("rows-dlq", 2).await;
    let dead: Vec<_> = dead.iter().map(|one| one.text()).collect();
    assert_eq!(dead, [r#"{"_id":"refused 1"}"#, r#"{"_id":"refused 2"}"#]);
    assert_eq!(store.ids_with(ROWS, "c").await, ["a", "b", "c"]);
    running.stop().await;
}

#[tokio::test]
async fn without_tolerance_rows_before_a_bad_one_are_stored() {
    let rows = [
        json!({"_id": "a"}),
        json!("no document"),
        json!({"_id": "b"}),
    ];
    let intolerant = json!({"errors.tolerance": "none"});
    let (_broker, store, running) = backlog(rows, intolerant, Documents::default()).await;
    let failure = running.failure().await;
    assert!(failure.contains("rows/0@1"), "{failure}");
    assert!(store.ids_with(ROWS, "a").await.contains(&"a".to_owned()));
}

#[tokio::test]
async fn without_tolerance_a_bad_record_stops_the_connectors() {
    let (broker, store) = (Broker::start(), Arc::new(Documents::default()));
    let running = Running::start(&broker, sink(json!({"errors.tolerance": "none"})), store).await;
    row(&broker, "{broken").await;
    let failure = running.failure().await;
    assert!(
        failure.contains("`Rows`") && failure.contains("rows/0@0"),
        "{failure}"
    );
}

#[tokio::test]
async fn without_context_headers_a_dead_letter_is_a_plain_copy() {
    let (broker, store) = (Broker::start(), Arc::new(Documents::default()));
    let plain = json!({"errors.deadletterqueue.context.headers.enable": "false"});
    let running = Running::start(&broker, sink(plain), store).await;
    row(&broker, "{broken").await;
    assert_eq!(broker.read("rows-dlq", 1).await[0].headers, []);
    running.stop().await;
}
