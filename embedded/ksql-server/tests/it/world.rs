//! An in-process broker, the engine and its server.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use kafka_io::KafkaSettings;
use ksql_engine::kafka::{CreateTopic, Metrics, NewTopic, Options, Runtime};
use ksql_server::{
    Config, KafkaTopics, KsqlServer, Limits, Token, Topic, TopicSpec, Topics, TopicsError,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use test_support::{PATIENCE as LIMIT, eventually};

/// An in-process broker, and a function that creates topics on it.
fn cluster() -> (KafkaSettings, CreateTopic) {
    let broker = test_support::Broker::start();
    let settings = broker.settings();
    let create: CreateTopic = Arc::new(move |topic| {
        let broker = broker.clone();
        async move {
            broker.create_topic(&topic.name, i32::try_from(topic.partitions)?);
            Ok(())
        }
        .boxed()
    });
    (settings, create)
}

/// The cluster's topics, with a retention that the in-process cluster does not report.
struct TestTopics {
    topics: KafkaTopics,
    retention_ms: i64,
    retention_requests: Arc<AtomicUsize>,
}

impl Topics for TestTopics {
    fn list(&self) -> BoxFuture<'_, Result<Vec<Topic>, TopicsError>> {
        self.topics.list()
    }
    fn retentions_ms<'a>(
        &'a self,
        topics: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<i64>, TopicsError>> {
        self.retention_requests.fetch_add(1, Ordering::Relaxed);
        async { Ok(vec![self.retention_ms; topics.len()]) }.boxed()
    }
    fn create(&self, topic: TopicSpec) -> BoxFuture<'_, Result<(), TopicsError>> {
        self.topics.create(topic)
    }
    fn can_delete(&self) -> bool {
        true
    }
    fn delete<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), TopicsError>> {
        // The in-process cluster keeps its topics; no test creates a topic twice.
        async { Ok(()) }.boxed()
    }
    fn cluster_id(&self) -> BoxFuture<'_, Result<String, TopicsError>> {
        self.topics.cluster_id()
    }
}

pub(super) struct World {
    pub(super) url: String,
    pub(super) http: reqwest::Client,
    pub(super) runtime: Runtime,
    pub(super) shutdown: CancellationToken,
    pub(super) served: Option<tokio::task::JoinHandle<anyhow::Result<()>>>,
    retention_requests: Arc<AtomicUsize>,
    create: CreateTopic,
    metrics: Metrics,
    producer: FutureProducer,
    consumer: BaseConsumer,
}

impl World {
    pub(super) async fn start() -> Self {
        Self::with(Limits::default(), 604_800_000).await
    }

    /// A world whose broker does not delete topics.
    pub(super) async fn embedded() -> Self {
        Self::of(Limits::default(), None, |topics| Arc::new(topics)).await
    }

    /// A world whose server has a token.
    pub(super) async fn guarded(token: Token) -> Self {
        Self::of(Limits::default(), Some(token), |topics| Arc::new(topics)).await
    }

    pub(super) async fn with(limits: Limits, retention_ms: i64) -> Self {
        let retention_requests = Arc::new(AtomicUsize::new(0));
        let requests = Arc::clone(&retention_requests);
        let mut world = Self::of(limits, None, |topics| {
            Arc::new(TestTopics {
                topics,
                retention_ms,
                retention_requests: requests,
            })
        })
        .await;
        world.retention_requests = retention_requests;
        world
    }

    async fn of(
        limits: Limits,
        token: Option<Token>,
        topics: impl FnOnce(KafkaTopics) -> Arc<dyn Topics>,
    ) -> Self {
        let (settings, create) = cluster();
        let options = Options {
            create_topic: Some(create.clone()),
            ..Options::default()
        };
        let metrics = options.metrics.clone();
        let runtime = Runtime::start(settings.clone(), options).await.unwrap();
        let embedded = KafkaTopics::of(&runtime).unwrap();
        let topics = topics(embedded);
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            limits,
            allowed_hosts: vec!["ksqldb.example".to_owned()],
            token,
        };
        let server = KsqlServer::bind(config, runtime.clone(), settings.clone(), topics)
            .await
            .unwrap();
        let url = format!("http://127.0.0.1:{}", server.port());
        let shutdown = CancellationToken::new();
        Self {
            url,
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            runtime,
            served: Some(tokio::spawn(server.run(shutdown.clone()))),
            shutdown,
            retention_requests: Arc::default(),
            create,
            metrics,
            producer: settings.producer("test").create().unwrap(),
            consumer: settings.assigning_consumer("test").create().unwrap(),
        }
    }

    pub(super) async fn create_topic(&self, name: &str, partitions: u32) {
        let topic = NewTopic {
            name: name.to_owned(),
            partitions,
        };
        (self.create)(topic).await.unwrap();
    }

    pub(super) async fn send(
        &self,
        topic: &str,
        key: Option<&str>,
        value: Option<&str>,
        timestamp: i64,
    ) {
        let mut record = FutureRecord::to(topic).timestamp(timestamp).partition(0);
        if let Some(key) = key {
            record = record.key(key);
        }
        if let Some(value) = value {
            record = record.payload(value);
        }
        self.producer.send(record, LIMIT).await.unwrap();
    }

    /// Waits until the query that fills `sink` has read this many records.
    pub(super) async fn wait_until_read(&self, sink: &str, count: u64) {
        let ids = self.query_ids();
        let id = ids.get(sink).unwrap();
        let what = format!("{id} reads {count} records");
        eventually(&what, || async { self.metrics.read(id) >= count }).await;
    }

    /// Waits until partition 0 of the topic has this many records.
    pub(super) async fn wait_for_records(&self, topic: &str, count: i64) {
        let end = || self.consumer.fetch_watermarks(topic, 0, LIMIT).unwrap().1;
        let what = format!("{topic} has {count} records");
        eventually(&what, || async { end() >= count }).await;
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, text) = self.post_text(path, &body.to_string()).await;
        let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (status, json)
    }

    pub(super) async fn post_text(&self, path: &str, body: &str) -> (u16, String) {
        let request = self.http.post(format!("{}{path}", self.url));
        let sent = request.body(body.to_owned()).send();
        let response = tokio::time::timeout(LIMIT, sent).await.unwrap().unwrap();
        let status = response.status().as_u16();
        let text = tokio::time::timeout(LIMIT, response.text())
            .await
            .unwrap()
            .unwrap();
        (status, text)
    }

    pub(super) async fn ksql(&self, sql: &str) -> (u16, Value) {
        self.post("/ksql", &json!({ "ksql": sql })).await
    }

    /// The number of requests for the retention of topics.
    pub(super) fn retention_requests(&self) -> usize {
        self.retention_requests.load(Ordering::Relaxed)
    }

    /// The ids of the persistent queries by their sinks.
    pub(super) fn query_ids(&self) -> HashMap<String, String> {
        let registry = self.runtime.registry();
        let queries = registry.queries().iter();
        queries
            .map(|query| (query.sink.name.clone(), query.id.clone()))
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
