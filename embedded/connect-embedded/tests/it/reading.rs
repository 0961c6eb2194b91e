//! Reading a topic from its beginning. Records that were deleted unread are an error.

use std::sync::Arc;

use connect_embedded::{Connectors, Outcome};
use serde_json::json;
use test_support::within;
use tokio_util::sync::CancellationToken;

use crate::support::{Broker, Documents, Running, Server, file};

fn posting(name: &str, topic: &str, url: &str) -> Connectors {
    let options = json!({
        "connector.class": "io.aiven.kafka.connect.http.HttpSinkConnector",
        "topics": topic,
        "http.url": "${env:URL}",
        "http.authorization.type": "none",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    });
    let resolver = |_: &str| Some(url.to_owned());
    Connectors::from_sources(&[file(name, options)], resolver).expect("a valid file")
}

#[tokio::test]
async fn earlier_records_are_delivered_again_at_every_start() {
    let (broker, server) = (Broker::start(), Server::answering(&[]).await);
    broker.write("early", b"k", Some(b"one")).await;
    for start in 1..=2 {
        let connectors = posting("Early", "early", &server.url);
        let running = Running::start(&broker, connectors, Arc::new(Documents::default())).await;
        assert_eq!(server.requests(start).await[start - 1].body, "one");
        running.stop().await;
    }
}

#[tokio::test]
async fn a_connector_stops_if_records_were_deleted_unread() {
    let (broker, server) = (Broker::start(), Server::closed().await);
    let mut settings = broker.settings();
    for property in [
        "queued.max.messages.kbytes=512",
        "fetch.message.max.bytes=100000",
    ] {
        settings
            .kafka_properties
            .push(property.parse().expect("a property"));
    }
    let store = Arc::new(Documents::default());
    let connectors = posting("Slow", "many", &server.url);
    let running = Running::start_with(&broker, connectors, store, settings).await;
    broker.write("many", b"k", Some(b"first")).await;
    server.requests(1).await;
    // The broker keeps 5 MiB of each partition. Random values cannot be compressed.
    let mut noise: u64 = 88_172_645_463_325_252;
    for _ in 0..100 {
        let value: Vec<u8> = std::iter::repeat_with(|| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            noise.to_le_bytes()[0]
        })
        .take(100_000)
        .collect();
        broker.write("many", b"k", Some(&value)).await;
    }
    let stats = running.stats.clone();
    server.open();
    let failure = running.failure().await;
    assert!(
        failure.contains("`Slow`") && failure.contains("deleted"),
        "{failure}"
    );
    assert!(stats.count("Slow", Outcome::Delivered) < 100);
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_named() {
    let broker = Broker::start();
    broker.create("other");
    let connectors = posting("Lost", "no such topic", "http://127.0.0.1:1");
    let ended = connectors.run(
        broker.settings(),
        Arc::new(Documents::default()),
        CancellationToken::new(),
    );
    let error = within("the error", ended).await.expect_err("no topic");
    assert!(
        format!("{error:#}").contains("`no such topic`"),
        "{error:#}"
    );
}
