//! The HTTP sink: exact bytes, retries, dead letters.

use std::sync::Arc;

use connect_embedded::{Connectors, Outcome};
use serde_json::{Value, json};

use crate::support::{Broker, Documents, Running, Server, file};

fn sink(url: &str, changes: Value) -> Connectors {
    let mut options = json!({
        "connector.class": "io.aiven.kafka.connect.http.HttpSinkConnector",
        "topics": "calls",
        "http.url": "${env:URL}/train",
        "http.authorization.type": "static",
        "http.headers.authorization": "Bearer ${env:TOKEN}",
        "http.headers.content.type": "application/json",
        "http.headers.additional": "x-one:1, x-two:2",
        "max.retries": "2",
        "retry.backoff.ms": "1",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "calls-dlq",
        "errors.deadletterqueue.context.headers.enable": "true",
    });
    for (option, value) in changes.as_object().expect("options") {
        options[option] = value.clone();
    }
    let resolver = |name: &str| match name {
        "URL" => Some(url.to_owned()),
        "TOKEN" => Some("secret".to_owned()),
        _ => None,
    };
    Connectors::from_sources(&[file("Calls", options)], resolver).expect("a valid file")
}

async fn start(broker: &Broker, connectors: Connectors) -> Running {
    Running::start(broker, connectors, Arc::new(Documents::default())).await
}

#[tokio::test]
async fn a_value_is_posted_unchanged_with_the_headers_of_the_file() {
    let (broker, server) = (Broker::start(), Server::answering(&[]).await);
    let running = start(&broker, sink(&server.url, json!({}))).await;
    let values = [r#"{ "a" : 1.50 , "b":"bröken" }"#, "{not JSON", ""];
    for value in values {
        broker
            .write("calls", b"v1\x00\xff", Some(value.as_bytes()))
            .await;
    }
    let requests = server.requests(3).await;
    for (request, value) in requests.iter().zip(values) {
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", "/train")
        );
        assert_eq!(request.body, value.as_bytes());
        let header = |name: &str| request.headers[name].to_str().expect("text").to_owned();
        assert_eq!(header("authorization"), "Bearer secret");
        assert_eq!(header("content-type"), "application/json");
        assert_eq!((header("x-one"), header("x-two")), ("1".into(), "2".into()));
    }
    running.stop().await;
}

#[tokio::test]
async fn a_record_is_retried_before_the_next_one_is_sent() {
    let (broker, server) = (Broker::start(), Server::answering(&[500, 503]).await);
    let running = start(&broker, sink(&server.url, json!({}))).await;
    broker.write("calls", b"k", Some(b"first")).await;
    broker.write("calls", b"k", Some(b"second")).await;
    let requests = server.requests(4).await;
    let bodies: Vec<_> = requests.iter().map(|r| r.body.as_ref()).collect();
    assert_eq!(bodies, [&b"first"[..], b"first", b"first", b"second"]);
    assert_eq!(running.stats.count("Calls", Outcome::DeadLettered), 0);
    running.stop().await;
}

#[tokio::test]
async fn a_record_without_retries_left_is_dead_lettered_unchanged() {
    let (broker, server) = (Broker::start(), Server::answering(&[400, 500, 422]).await);
    let running = start(&broker, sink(&server.url, json!({}))).await;
    broker
        .write("calls", b"v1\x00\xff", Some(b"\xfe refused"))
        .await;
    broker.write("calls", b"k", Some(b"next")).await;
    let dead = broker.read("calls-dlq", 1).await;
    assert_eq!(dead[0].key.as_deref(), Some(&b"v1\x00\xff"[..]));
    assert_eq!(dead[0].value.as_deref(), Some(&b"\xfe refused"[..]));
    assert_eq!(dead[0].timestamp, Some(1000));
    assert_eq!(dead[0].header("__connect.errors.stage"), "TASK_PUT");
    let message = dead[0].header("__connect.errors.exception.message");
    assert!(
        message.contains("422") && message.contains("answer \"2\""),
        "{message}"
    );
    assert_eq!(server.requests(4).await[3].body, "next");
    assert_eq!(running.stats.count("Calls", Outcome::DeadLettered), 1);
    running.stop().await;
}

#[tokio::test]
async fn an_unreachable_server_is_retried_then_dead_lettered() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let broker = Broker::start();
    let running = start(&broker, sink(&url, json!({}))).await;
    broker.write("calls", b"k", Some(b"lost?")).await;
    let dead = broker.read("calls-dlq", 1).await;
    assert_eq!(dead[0].text(), "lost?");
    let message = dead[0].header("__connect.errors.exception.message");
    assert!(
        message.contains("refused") && !message.contains("secret"),
        "{message}"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_request_that_times_out_is_retried_then_dead_lettered() {
    let (broker, server) = (Broker::start(), Server::closed().await);
    let changes = json!({"http.timeout": 1, "max.retries": 1});
    let running = start(&broker, sink(&server.url, changes)).await;
    broker.write("calls", b"k", Some(b"slow")).await;
    assert_eq!(broker.read("calls-dlq", 1).await[0].text(), "slow");
    assert_eq!(server.requests(2).await.len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn a_tombstone_is_filtered_or_stops_the_connector() {
    let (broker, server) = (Broker::start(), Server::answering(&[]).await);
    let running = start(&broker, sink(&server.url, json!({}))).await;
    broker.write("calls", b"k", None).await;
    broker.write("calls", b"k", Some(b"next")).await;
    assert_eq!(server.requests(1).await[0].body, "next");
    assert_eq!(running.stats.count("Calls", Outcome::Filtered), 1);
    running.stop().await;

    let unfiltered = json!({
        "transforms": null, "transforms.drop.type": null, "transforms.drop.predicate": null,
        "predicates": null, "predicates.tombstone.type": null,
    });
    let failure = start(&broker, sink(&server.url, unfiltered))
        .await
        .failure()
        .await;
    assert!(
        failure.contains("value is null") && failure.contains("calls/0@0"),
        "{failure}"
    );
}
