//! Compares this library with a real worker: the same files, the same records.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use connect_embedded::{ConnectorSource, Connectors};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde_json::{Value, json};
use test_support::{Record, within};

use crate::support::{Broker, Documents, Running, Server};

fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} must be the address of a real Kafka or Connect"))
}

/// A name that no earlier run has used.
fn unique(name: &str) -> String {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("a clock");
    format!("{name}-{}", now.as_nanos())
}

/// A shipped file with its own topic, which a real worker and this library run.
struct Trial {
    topic: String,
    config: Value,
}

impl Trial {
    async fn new(file: &str, changes: Value) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../connectors")
            .join(file);
        let text = std::fs::read_to_string(path).expect("the file");
        let mut config = serde_json::from_str::<Value>(&text).expect("JSON")["config"].clone();
        for (option, value) in changes.as_object().expect("options") {
            config[option] = value.clone();
        }
        let topic = unique("parity");
        config["topics"] = json!(topic);
        let trial = Self { topic, config };
        let settings = kafka_io::KafkaSettings::plain(variable("KAFKA_BOOTSTRAP_SERVERS"));
        let admin: AdminClient<DefaultClientContext> =
            settings.producer("test").create().expect("an admin client");
        let names = [
            trial.topic.clone(),
            trial.dead_letters("real"),
            trial.dead_letters("embedded"),
        ];
        let topics = names
            .iter()
            .map(|t| NewTopic::new(t, 1, TopicReplication::Fixed(1)));
        let topics: Vec<_> = topics.collect();
        let made = within(
            "the topics",
            admin.create_topics(&topics, &AdminOptions::new()),
        )
        .await;
        made.expect("an answer")
            .into_iter()
            .for_each(|topic| drop(topic.expect("a topic")));
        trial
    }

    fn dead_letters(&self, side: &str) -> String {
        format!("{}-{side}-dlq", self.topic)
    }

    fn config(&self, side: &str, changes: Value) -> Value {
        let mut config = self.config.clone();
        config["errors.deadletterqueue.topic.name"] = json!(self.dead_letters(side));
        for (option, value) in changes.as_object().expect("options") {
            config[option] = value.clone();
        }
        config
    }

    /// Creates the connector on the real worker and waits until its task runs.
    async fn put(&self, changes: Value) {
        let url = format!("{}/connectors/{}", variable("CONNECT_URL"), self.topic);
        let client = reqwest::Client::new();
        let put = client
            .put(format!("{url}/config"))
            .json(&self.config("real", changes));
        let answer = within("Connect", put.send()).await.expect("an answer");
        assert_eq!(
            answer.status(),
            201,
            "{}",
            answer.text().await.expect("a text")
        );
        within("a running task", async {
            let mut again = tokio::time::interval(Duration::from_millis(200));
            loop {
                again.tick().await;
                let status = client
                    .get(format!("{url}/status"))
                    .send()
                    .await
                    .expect("an answer");
                let status: Value = status.json().await.unwrap_or_default();
                match status["tasks"][0]["state"].as_str() {
                    Some("RUNNING") => return,
                    Some("FAILED") => panic!("{status:#}"),
                    _ => {}
                }
            }
        })
        .await;
    }

    /// Runs the file with this library.
    async fn embed(&self, broker: &Broker, changes: Value) -> Running {
        let file = json!({"name": self.topic, "config": self.config("embedded", changes)});
        let source = ConnectorSource {
            origin: "parity.json".into(),
            text: file.to_string(),
        };
        let resolver = |_: &str| Some("the store of this process".to_owned());
        let connectors = Connectors::from_sources(&[source], resolver).expect("a valid file");
        Running::start(broker, connectors, Arc::new(Documents::default())).await
    }

    /// Deletes the connector.
    async fn delete(&self) {
        let url = format!("{}/connectors/{}", variable("CONNECT_URL"), self.topic);
        let answer = within("Connect", reqwest::Client::new().delete(url).send()).await;
        assert_eq!(answer.expect("an answer").status(), 204);
    }

    /// The records of both dead-letter topics by offset, without Java-specific texts.
    async fn dead_letters_of_both(&self, broker: &Broker, count: usize) -> [Vec<DeadLetter>; 2] {
        let read = async |side: &str| {
            let seen = broker.read(&self.dead_letters(side), count).await;
            let mut records: Vec<_> = seen.into_iter().map(DeadLetter::new).collect();
            records.sort_by_key(|l| {
                l.1["__connect.errors.offset"]
                    .parse::<u64>()
                    .expect("a number")
            });
            records
        };
        [read("real").await, read("embedded").await]
    }
}

type Bytes = Option<Vec<u8>>;

/// Key, value and timestamp, and headers.
#[derive(Debug, PartialEq, Eq)]
struct DeadLetter((Bytes, Bytes, Option<i64>), BTreeMap<String, String>);

impl DeadLetter {
    fn new(seen: Record) -> Self {
        let mut headers: BTreeMap<_, _> = seen.headers.into_iter().collect();
        for name in ["message", "stacktrace"] {
            let removed = headers.remove(&format!("__connect.errors.exception.{name}"));
            assert!(removed.is_some_and(|text| !text.is_empty()), "no {name}");
        }
        Self((seen.key, seen.value, seen.timestamp), headers)
    }
}

#[tokio::test]
async fn the_document_sink_behaves_like_a_real_worker() {
    let broker = Broker::at(variable("KAFKA_BOOTSTRAP_SERVERS"));
    let trial = Trial::new("weight-data.json", json!({"database": "Parity"})).await;
    trial.put(json!({"collection": trial.topic})).await;
    let running = trial.embed(&broker, json!({})).await;
    let values: [Option<&[u8]>; 10] = [
        Some(b"{broken"),
        None,
        Some(b"\xff\xfe"),
        Some(br#"{"_id":"good","n":1}"#),
        Some(br#"{"no":"id"}"#),
        Some(b"null"),
        Some(b""),
        Some(b"[1]"),
        Some(b"5"),
        Some(br#""text""#),
    ];
    for value in values {
        broker.write(&trial.topic, b"\xff key", value).await;
    }
    let [real, embedded] = trial.dead_letters_of_both(&broker, 6).await;
    assert_eq!(embedded, real);
    running.stop().await;
    trial.delete().await;
}

#[tokio::test]
async fn the_http_sink_behaves_like_a_real_worker() {
    let broker = Broker::at(variable("KAFKA_BOOTSTRAP_SERVERS"));
    let quick = json!({
        "http.headers.authorization": " Bearer a b ",
        "max.retries": "1",
        "retry.backoff.ms": "1",
    });
    let trial = Trial::new("retrain-trigger.json", quick).await;
    let statuses = [500, 200, 422, 503, 200, 201, 302];
    let (real, here) = (
        Server::answering(&statuses).await,
        Server::answering(&statuses).await,
    );
    trial
        .put(json!({"http.url": format!("{}/train", real.url)}))
        .await;
    let running = trial
        .embed(&broker, json!({"http.url": format!("{}/train", here.url)}))
        .await;
    let values: [Option<&[u8]>; 6] = [
        Some("{\"a\" : 1.50,\"b\":\"bröken\"}".as_bytes()),
        Some(b"{refused"),
        None,
        Some(b"\xff\xfe"),
        Some(b""),
        Some(b"null"),
    ];
    for value in values {
        broker.write(&trial.topic, b"v1\x00\xff", value).await;
    }
    let sent = async |server: &Server| -> Vec<_> {
        let requests = server.requests(7).await.into_iter();
        let header = |r: &crate::support::Request, name: &str| {
            r.headers.get(name).map(|value| value.as_bytes().to_vec())
        };
        requests
            .map(|r| {
                let headers = ["authorization", "content-type"].map(|name| header(&r, name));
                (r.method.clone(), r.path.clone(), headers, r.body)
            })
            .collect()
    };
    assert_eq!(sent(&here).await, sent(&real).await);
    let [real, embedded] = trial.dead_letters_of_both(&broker, 1).await;
    assert_eq!(embedded, real);
    running.stop().await;
    trial.delete().await;
}
