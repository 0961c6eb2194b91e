//! Confluent's HTTP sink: the same call, with answers and failures as records.

use std::sync::Arc;

use connect_embedded::{Connectors, Outcome};
use serde_json::{Value, json};

use crate::support::{Broker, Documents, Running, Server, file};

fn sink(url: &str, changes: Value) -> Connectors {
    let mut options = json!({
        "connector.class": "io.confluent.connect.http.HttpSinkConnector",
        "topics": "calls",
        "http.api.url": "${env:URL}/train",
        "request.method": "PUT",
        "headers": "content-type:application/json|authorization:Bearer a:b",
        "max.retries": "1",
        "retry.backoff.ms": "1",
        "retry.on.status.codes": "500-",
        "behavior.on.error": "log",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
        "reporter.bootstrap.servers": "${env:KAFKA}",
        "reporter.result.topic.name": "success-responses",
        "reporter.error.topic.name": "error-responses",
    });
    for (option, value) in changes.as_object().expect("options") {
        options[option] = value.clone();
    }
    let resolver = |_: &str| Some(url.to_owned());
    Connectors::from_sources(&[file("Calls", options)], resolver).expect("a valid file")
}

async fn start(broker: &Broker, connectors: Connectors) -> Running {
    Running::start(broker, connectors, Arc::new(Documents::default())).await
}

#[tokio::test]
async fn answers_and_failures_are_reported_with_the_record_they_belong_to() {
    let (broker, server) = (Broker::start(), Server::answering(&[400, 500, 200]).await);
    let running = start(&broker, sink(&server.url, json!({}))).await;
    broker.write("calls", b"k1", Some(b"refused")).await;
    broker.write("calls", b"k2", Some(b"taken")).await;
    let (failed, taken) = (
        broker.read("error-responses", 1).await,
        broker.read("success-responses", 1).await,
    );
    assert_eq!(failed[0].key.as_deref(), Some(&b"k1"[..]));
    let sentence: String = serde_json::from_str(failed[0].text()).expect("a JSON string");
    assert!(sentence.contains("400"), "{sentence}");
    assert_eq!(
        taken[0].text(),
        r#""answer \"2\"""#,
        "the body as a JSON string"
    );
    assert_eq!(taken[0].header("input_record_topic"), "calls");
    assert_eq!(taken[0].header("input_record_partition"), "0");
    assert_eq!(taken[0].header("input_record_offset"), "1");
    assert_eq!(taken[0].header("input_record_timestamp"), "1000");
    let requests = server.requests(3).await;
    let bodies: Vec<_> = requests.iter().map(|r| r.body.as_ref()).collect();
    assert_eq!(
        bodies,
        [&b"refused"[..], b"taken", b"taken"],
        "400 is not tried again here"
    );
    assert_eq!(requests[0].method, "PUT");
    assert_eq!(requests[0].headers["authorization"], "Bearer a:b");
    assert_eq!(running.stats.count("Calls", Outcome::DeadLettered), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_failure_stops_the_connector_whose_file_says_so_after_it_was_reported() {
    let (broker, server) = (Broker::start(), Server::answering(&[400]).await);
    let changes = json!({
        "behavior.on.error": "fail",
        "report.errors.as": "http_response",
        "reporter.error.topic.value.format": "string",
    });
    let running = start(&broker, sink(&server.url, changes)).await;
    broker.write("calls", b"k", Some(b"refused")).await;
    let failure = running.failure().await;
    assert!(
        failure.contains("calls/0@0") && failure.contains("400"),
        "{failure}"
    );
    assert_eq!(
        broker.read("error-responses", 1).await[0].text(),
        "answer \"0\""
    );
}
