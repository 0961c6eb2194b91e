//! Queries on a Kafka protocol: librdkafka's in-process cluster.

use std::time::Duration;

use kafka_io::KafkaSettings;
use ksql_engine::execute::murmur2::partition_of;
use ksql_engine::kafka::{Options, Runtime, RuntimeError, Script, run};
use ksql_engine::registry::Effect;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::json;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(60);
const PIPELINE: &str = include_str!("../../../../ksql/pipeline.sql");
const HOPPING: &str = include_str!("../../../../ksql/alternatives/hopping.sql");

struct Broker {
    cluster: MockCluster<'static, DefaultProducerContext>,
    settings: KafkaSettings,
    producer: FutureProducer,
    partitions: i32,
}

impl Broker {
    fn start<'t>(partitions: i32, topics: impl IntoIterator<Item = &'t str>) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in topics {
            cluster.create_topic(topic, partitions, 1).unwrap();
        }
        let settings = KafkaSettings::plain(cluster.bootstrap_servers());
        // Uncompressed, so that a size in a test is the size in the cluster.
        let producer = settings
            .producer("test")
            .set("compression.type", "none")
            .create()
            .unwrap();
        Self {
            cluster,
            settings,
            producer,
            partitions,
        }
    }

    async fn send(&self, topic: &str, key: &str, value: &str, timestamp: i64) {
        let record = FutureRecord::to(topic)
            .key(key)
            .payload(value)
            .timestamp(timestamp);
        self.producer.send(record, LIMIT).await.unwrap();
    }

    /// The first records of a topic, in the order in which they arrive.
    async fn records(
        &self,
        topic: &str,
        count: usize,
    ) -> Vec<(i32, Vec<u8>, serde_json::Value, i64)> {
        let consumer: StreamConsumer = self
            .settings
            .assigning_consumer("test-reader")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions {
            list.add_partition_offset(topic, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&list).unwrap();
        let mut records = Vec::new();
        while records.len() < count {
            let message = tokio::time::timeout(LIMIT, consumer.recv())
                .await
                .unwrap_or_else(|_| panic!("{topic} has only {} of {count} records", records.len()))
                .unwrap();
            records.push((
                message.partition(),
                message.key().unwrap_or_default().to_vec(),
                serde_json::from_slice(message.payload().unwrap()).unwrap(),
                message.timestamp().to_millis().unwrap(),
            ));
        }
        records
    }
}

fn prediction(weight: f64) -> String {
    format!(
        r#"{{"Species":"salmon","Length":80.0,"Height":18.0,"Timestamp":"t","Prediction":{{"Weight":{weight},"ModelTime":"m","ModelVersion":"v1"}}}}"#
    )
}

fn actual(fish: usize) -> String {
    format!(r#"{{"Species":"salmon","Weight":2.0,"Timestamp":"t{fish}"}}"#)
}

async fn ended(
    task: tokio::task::JoinHandle<Result<(), RuntimeError>>,
) -> Result<(), RuntimeError> {
    tokio::time::timeout(LIMIT, task).await.unwrap().unwrap()
}

/// The first weighing's time, at the start of a minute.
const START: i64 = 1_700_000_040_000;

/// Forty fish, one every two seconds, all there before the queries: the two sides are read at
/// different speeds, and still merged by time.
async fn forty_fish(broker: &Broker) {
    for fish in 0..40_usize {
        let time = START + 2_000 * fish as i64;
        let key = fish.to_string();
        broker
            .send("weight-prediction", &key, &prediction(1.0), time)
            .await;
    }
    broker.send("machine-weight", "0", "no JSON", START).await;
    for fish in 0..40_usize {
        let time = START + 2_000 * fish as i64;
        broker
            .send("machine-weight", &fish.to_string(), &actual(fish), time)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weighing_that_no_fish_can_have_is_held_against_no_prediction() {
    for pipeline in [PIPELINE, HOPPING] {
        let script = Script::parse(pipeline).unwrap();
        let broker = Broker::start(1, script.topics());
        for (fish, weight) in ["0.0", "-2.0", "null", "2.0"].into_iter().enumerate() {
            let (key, time) = (fish.to_string(), START + 2_000 * fish as i64);
            let weighing = format!(r#"{{"Species":"salmon","Weight":{weight},"Timestamp":"t"}}"#);
            broker
                .send("weight-prediction", &key, &prediction(1.0), time)
                .await;
            broker.send("machine-weight", &key, &weighing, time).await;
        }
        let shutdown = CancellationToken::new();
        let running = tokio::spawn({
            let (settings, shutdown) = (broker.settings.clone(), shutdown.clone());
            async move { run(&script, settings, Options::default(), shutdown).await }
        });
        // The last fish is the first row: the three before it have none.
        let rows = broker.records("weight-diff", 1).await;
        let (_, key, value, _) = &rows[0];
        assert_eq!((key.as_slice(), &value["Error"]), (&b"3"[..], &0.5.into()));
        shutdown.cancel();
        ended(running).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_pipeline_joins_triggers_and_skips_what_it_cannot_read() {
    let script = Script::parse(PIPELINE).unwrap();
    let broker = Broker::start(1, script.topics());
    forty_fish(&broker).await;
    let (options, shutdown) = (Options::default(), CancellationToken::new());
    let metrics = options.metrics.clone();
    let running = tokio::spawn({
        let (settings, shutdown) = (broker.settings.clone(), shutdown.clone());
        async move { run(&script, settings, options, shutdown).await }
    });
    let rows = broker.records("weight-diff", 40).await;
    for (fish, (_, key, value, timestamp)) in rows.iter().enumerate() {
        assert_eq!(key, fish.to_string().as_bytes());
        assert_eq!(value["_id"], format!("{fish}@t{fish}"));
        assert_eq!(value["Error"], 0.5);
        assert_eq!(*timestamp, START + 2_000 * fish as i64);
    }
    let finals = broker.records("weight-retrain", 1).await;
    let (_, key, value, timestamp) = &finals[0];
    let (version, window) = key.split_last_chunk::<8>().unwrap();
    assert_eq!((version, i64::from_be_bytes(*window)), (&b"v1"[..], START));
    assert_eq!(*timestamp, START + 58_000, "the newest row of the window");
    assert_eq!(value["Fish"], 30, "one every two seconds of a minute");
    assert_eq!(
        (&value["Fish_Id_Start"], &value["Fish_Id_End"]),
        (&"0".into(), &"29".into())
    );
    let log = broker.records("default_ksql_processing_log", 1).await;
    let entry = &log[0].2["message"]["deserializationError"];
    assert_eq!(entry["topic"], "machine-weight");
    assert_eq!(metrics.skipped("CSAS_DIFF_WEIGHT_2"), 1);
    shutdown.cancel();
    ended(running).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_written_to_the_partitions_that_kafkas_java_clients_choose() {
    let script = Script::parse(PIPELINE).unwrap();
    let broker = Broker::start(3, script.topics());
    forty_fish(&broker).await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (settings, shutdown) = (broker.settings.clone(), shutdown.clone());
        async move { run(&script, settings, Options::default(), shutdown).await }
    });
    for (partition, key, ..) in broker.records("weight-diff", 40).await {
        assert_eq!(partition as u32, partition_of(&key, 3));
    }
    let (partition, ..) = &broker.records("weight-retrain", 1).await[0];
    assert_eq!(
        *partition as u32,
        partition_of(b"v1", 3),
        "by the key without its window"
    );
    shutdown.cancel();
    ended(running).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_pair_is_joined_while_the_other_partitions_are_silent() {
    let script = Script::parse(PIPELINE).unwrap();
    let broker = Broker::start(3, script.topics());
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (settings, shutdown) = (broker.settings.clone(), shutdown.clone());
        async move { run(&script, settings, Options::default(), shutdown).await }
    });
    broker.send("machine-weight", "7", &actual(7), 1_000).await;
    broker
        .send("weight-prediction", "7", &prediction(2.0), 500)
        .await;
    let rows = broker.records("weight-diff", 1).await;
    assert_eq!(rows[0].2["Error"], 0.0);
    shutdown.cancel();
    ended(running).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_come_and_go_at_run_time_and_somebody_may_listen() {
    let broker = Broker::start(3, ["s", "x", "default_ksql_processing_log"]);
    let runtime = Runtime::start(broker.settings.clone(), Options::default())
        .await
        .unwrap();
    runtime
        .execute("SET 'auto.offset.reset'='earliest'; CREATE STREAM s (id VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON'); CREATE STREAM x WITH (KAFKA_TOPIC='x') AS SELECT id, v * 2 AS w FROM s;")
        .await
        .unwrap();
    broker.send("s", "a", r#"{"v":21}"#, 5).await;
    assert_eq!(broker.records("x", 1).await[0].2["W"], 42);
    let executed = runtime
        .execute("SELECT id, w FROM x WHERE w > 1 EMIT CHANGES;")
        .await
        .unwrap();
    let Effect::Select(plan) = &executed[0].effects[0] else {
        panic!("a SELECT is for a listener");
    };
    let mut listener = runtime.listen(plan, true).unwrap();
    let change = tokio::time::timeout(LIMIT, listener.changes.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        format!("{:?}", change.columns),
        r#"Some([Text("a"), Integer(42)])"#
    );
    drop(listener);
    let id = runtime.registry().queries()[0].id.clone();
    runtime
        .execute(&format!("TERMINATE {id}; DROP STREAM x;"))
        .await
        .unwrap();
    assert!(runtime.registry().queries().is_empty());
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    tokio::time::timeout(LIMIT, runtime.run(shutdown))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expression_that_fails_is_null_counted_and_in_the_processing_log() {
    let broker = Broker::start(1, ["s", "x", "default_ksql_processing_log"]);
    let options = Options::default();
    let metrics = options.metrics.clone();
    let runtime = Runtime::start(broker.settings.clone(), options)
        .await
        .unwrap();
    let script = "SET 'auto.offset.reset'='earliest';
        CREATE STREAM s (id VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
        CREATE STREAM x WITH (KAFKA_TOPIC='x') AS SELECT id, v, 10 / v AS w FROM s WHERE v >= 0;";
    runtime.execute(script).await.unwrap();
    broker.send("s", "a", r#"{"v":0}"#, 5).await;
    broker.send("s", "b", r#"{"v":5}"#, 6).await;
    let rows = broker.records("x", 2).await;
    assert_eq!(
        (&rows[0].2["W"], &rows[1].2["W"]),
        (&json!(null), &json!(2))
    );
    let log = broker.records("default_ksql_processing_log", 1).await;
    let entry = &log[0].2;
    assert_eq!(entry["message"]["type"], 1);
    let error = &entry["message"]["recordProcessingError"];
    assert_eq!(error["cause"], json!(["division by zero"]));
    let query = runtime.registry().queries()[0].id.clone();
    assert_eq!((metrics.failed(&query), metrics.skipped(&query)), (1, 0));
    stop(&runtime).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_the_script_that_is_terminated_does_not_go_unnoticed() {
    let broker = Broker::start(1, ["s", "x", "default_ksql_processing_log"]);
    let options = Options::default();
    let metrics = options.metrics.clone();
    let runtime = Runtime::start(broker.settings.clone(), options)
        .await
        .unwrap();
    let create = "CREATE STREAM x WITH (KAFKA_TOPIC='x') AS SELECT id, v FROM s;";
    let source =
        "CREATE STREAM s (id VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');";
    runtime.execute(&format!("{source}{create}")).await.unwrap();
    let first = runtime.registry().queries()[0].id.clone();
    assert!(metrics.is_running(&first) && runtime.abandoned().is_empty());
    let terminate = format!("TERMINATE {first};");
    runtime.execute_apart(&terminate).await.unwrap();
    assert!(!metrics.is_running(&first));
    assert_eq!(runtime.abandoned(), ["x"]);
    // Another one that writes the topic takes its place.
    let again = format!("DROP STREAM x; {create}");
    runtime.execute_apart(&again).await.unwrap();
    assert!(runtime.abandoned().is_empty());
    stop(&runtime).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_stops_in_time_while_the_broker_is_away() {
    let broker = Broker::start(1, ["s", "x", "default_ksql_processing_log"]);
    let options = Options::default();
    let metrics = options.metrics.clone();
    let runtime = Runtime::start(broker.settings.clone(), options)
        .await
        .unwrap();
    let script = "SET 'auto.offset.reset'='earliest';
        CREATE STREAM s (id VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
        CREATE STREAM x WITH (KAFKA_TOPIC='x') AS SELECT id, v FROM s;";
    runtime.execute(script).await.unwrap();
    broker.send("s", "a", r#"{"v":1}"#, 5).await;
    broker.records("x", 1).await;
    let query = runtime.registry().queries()[0].id.clone();
    // The next row still comes; what the query writes of it is refused until the broker is away.
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    let mut answers = vec![RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR];
    answers.extend([refused; 200]);
    broker
        .cluster
        .request_errors(RDKafkaApiKey::Produce, &answers);
    broker.send("s", "b", r#"{"v":2}"#, 6).await;
    let taken = async {
        while metrics.read(&query) < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, taken).await.unwrap();
    broker.cluster.broker_down(1).unwrap();
    let stopped = stop(&runtime).await;
    assert!(
        matches!(stopped, Err(RuntimeError::Interrupted)),
        "a row was lost in silence: {stopped:?}"
    );
}

/// Ends a runtime; it may take as long as it waits for what it has written, and not much longer.
async fn stop(runtime: &Runtime) -> Result<(), RuntimeError> {
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let bound = Duration::from_secs(30);
    tokio::time::timeout(bound, runtime.run(shutdown))
        .await
        .expect("it stops in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_whose_topics_do_not_exist_is_refused_before_anything_runs() {
    let broker = Broker::start(3, ["default_ksql_processing_log"]);
    let script = Script::parse(PIPELINE).unwrap();
    let error = run(
        &script,
        broker.settings.clone(),
        Options::default(),
        CancellationToken::new(),
    )
    .await
    .unwrap_err();
    assert!(error.to_string().contains("weight-prediction"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_were_deleted_before_they_were_read_stop_the_query_loudly() {
    let broker = Broker::start(3, ["s", "default_ksql_processing_log"]);
    let mut settings = broker.settings.clone();
    let small_queue = "queued.max.messages.kbytes=1024".parse().unwrap();
    settings.kafka_properties.push(small_queue);
    let runtime = Runtime::start(settings, Options::default()).await.unwrap();
    let executed = runtime
        .execute("CREATE STREAM s (id VARCHAR KEY, v VARCHAR) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON'); SELECT * FROM s EMIT CHANGES;")
        .await
        .unwrap();
    let Effect::Select(plan) = &executed[1].effects[0] else {
        panic!("a SELECT is for a listener");
    };
    // The listener takes nothing, so that its query stands still while the cluster deletes what is
    // older than its newest 5 MiB.
    let mut listener = runtime.listen(plan, true).unwrap();
    let value = format!(r#"{{"v":"{}"}}"#, "x".repeat(1_000));
    broker.send("s", "a", &value, 5).await;
    tokio::time::timeout(LIMIT, listener.changes.recv())
        .await
        .unwrap()
        .unwrap();
    for _ in 0..20 {
        let sends = (0..1_000).map(|_| broker.send("s", "a", &value, 5));
        futures::future::join_all(sends).await;
    }
    let failure = async {
        while listener.changes.recv().await.is_some() {}
        (&mut listener.failure).await.unwrap()
    };
    let error = tokio::time::timeout(LIMIT, failure).await.unwrap();
    assert!(
        matches!(&error, RuntimeError::Deleted { topic } if topic == "s"),
        "{error}"
    );
}
