//! Executing statements at run time, on an in-process Kafka cluster.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use kafka_io::KafkaSettings;
use ksql_engine::kafka::{Options, Runtime, RuntimeError};
use ksql_engine::registry::Effect;
use rdkafka::producer::FutureRecord;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::json;

use crate::broker::{Broker, stop};
use test_support::{PATIENCE as LIMIT, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn queries_start_stop_and_stream_at_run_time() {
    let broker = Broker::start(3, ["s", "x", "default_ksql_processing_log"]);
    let (runtime, _) = broker.runtime().await;
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
        panic!("expected a SELECT");
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
    stop(&runtime).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_expression_is_null_counted_and_logged() {
    let broker = Broker::start(1, ["s", "x", "default_ksql_processing_log"]);
    let (runtime, metrics) = broker.runtime().await;
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
async fn disorder_reads_one_partition_after_the_other() {
    let broker = Broker::start(3, ["s", "default_ksql_processing_log"]);
    broker.kafka.create_topic("x", 1);
    for time in 0..30_i32 {
        let value = format!(r#"{{"P":{},"T":{time}}}"#, time % 3);
        let record = FutureRecord::to("s").key("").payload(&value);
        let record = record.timestamp(time.into()).partition(time % 3);
        broker.kafka.send(record).await;
    }
    let options = Options {
        // Longer than it takes to fetch the records.
        disorder: Some(Duration::from_secs(2)),
        ..Options::default()
    };
    let runtime = Runtime::start(broker.settings.clone(), options)
        .await
        .unwrap();
    let script = "SET 'auto.offset.reset'='earliest';
        CREATE STREAM s (p INT, t INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
        CREATE STREAM x WITH (KAFKA_TOPIC='x', PARTITIONS=1) AS SELECT p, t FROM s;";
    runtime.execute(script).await.unwrap();
    let rows = broker.records("x", 30).await;
    stop(&runtime).await.unwrap();
    let number = |row: &serde_json::Value, name| row[name].as_i64().unwrap();
    let rows = rows.iter();
    let rows: Vec<_> = rows
        .map(|(_, _, row, _)| (number(row, "P"), number(row, "T")))
        .collect();
    assert!(rows.is_sorted(), "by partition, then time: {rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_query_of_the_script_is_reported() {
    let broker = Broker::start(1, ["s", "x", "default_ksql_processing_log"]);
    let (runtime, metrics) = broker.runtime().await;
    let create = "CREATE STREAM x WITH (KAFKA_TOPIC='x') AS SELECT id, v FROM s;";
    let source =
        "CREATE STREAM s (id VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');";
    runtime.execute(&format!("{source}{create}")).await.unwrap();
    let first = runtime.registry().queries()[0].id.clone();
    assert_eq!(metrics.is_running(&first), Some(true));
    assert!(runtime.abandoned().is_empty());
    let terminate = format!("TERMINATE {first};");
    runtime.execute_isolated(&terminate).await.unwrap();
    // Ids are not reused: their metrics are removed.
    assert_eq!(metrics.is_running(&first), None);
    assert_eq!(runtime.abandoned(), ["x"]);
    // Another query that writes the topic replaces it.
    let again = format!("DROP STREAM x; {create}");
    runtime.execute_isolated(&again).await.unwrap();
    assert!(runtime.abandoned().is_empty());
    stop(&runtime).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_whose_topic_cannot_be_created_starts_nothing() {
    let broker = Broker::start(1, ["s", "x", "default_ksql_processing_log"]);
    let options = Options {
        create_topic: Some(Arc::new(|_| {
            async { Err(anyhow::anyhow!("no room")) }.boxed()
        })),
        ..Options::default()
    };
    let metrics = options.metrics.clone();
    let runtime = Runtime::start(broker.settings.clone(), options)
        .await
        .unwrap();
    let script = "SET 'auto.offset.reset'='earliest';
        CREATE STREAM s (id VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
        CREATE STREAM x WITH (KAFKA_TOPIC='x') AS SELECT id, v FROM s;";
    runtime.execute(script).await.unwrap();
    let first = runtime.registry().queries()[0].id.clone();
    let fails = format!(
        "CREATE STREAM y WITH (KAFKA_TOPIC='x') AS SELECT id, v FROM s; TERMINATE {first};
         CREATE STREAM z WITH (KAFKA_TOPIC='z') AS SELECT id, v FROM s;"
    );
    let error = runtime.execute(&fails).await.unwrap_err();
    assert!(error.to_string().contains("no room"), "{error}");
    // The registry lists exactly the running query.
    let listed = runtime.registry();
    let listed: Vec<&str> = listed.queries().iter().map(|query| &*query.id).collect();
    assert_eq!(listed, [&first]);
    assert_eq!(metrics.is_running(&first), Some(true));
    assert!(runtime.abandoned().is_empty());
    broker.send("s", "a", r#"{"v":1}"#, 5).await;
    broker.records("x", 1).await;
    stop(&runtime).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_broker_is_reported_with_its_address() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let options = Options {
        patience: Duration::from_millis(500),
        ..Options::default()
    };
    let starting = Runtime::start(KafkaSettings::plain(address.clone()), options);
    let started = tokio::time::timeout(LIMIT, starting).await.unwrap();
    let error = started.err().unwrap().to_string();
    assert!(error.contains(&address), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_stops_in_time_while_the_broker_is_down() {
    let broker = Broker::start(1, ["s", "x", "default_ksql_processing_log"]);
    let (runtime, metrics) = broker.runtime().await;
    let script = "SET 'auto.offset.reset'='earliest';
        CREATE STREAM s (id VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
        CREATE STREAM x WITH (KAFKA_TOPIC='x') AS SELECT id, v FROM s;";
    runtime.execute(script).await.unwrap();
    broker.send("s", "a", r#"{"v":1}"#, 5).await;
    broker.records("x", 1).await;
    let query = runtime.registry().queries()[0].id.clone();
    // The next row is read, but cannot be written before the broker stops.
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    let mut responses = vec![RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR];
    responses.extend([refused; 200]);
    broker
        .kafka
        .cluster(move |cluster| cluster.request_errors(RDKafkaApiKey::Produce, &responses));
    broker.send("s", "b", r#"{"v":2}"#, 6).await;
    eventually("the row is read", || async { metrics.read(&query) >= 2 }).await;
    broker
        .kafka
        .cluster(|cluster| cluster.broker_down(1).unwrap());
    let stopped = stop(&runtime).await;
    assert!(
        matches!(stopped, Err(RuntimeError::Interrupted)),
        "a row was lost silently: {stopped:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn records_deleted_before_they_were_read_end_the_query() {
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
        panic!("expected a SELECT");
    };
    // The client reads nothing, so that its query stalls while the cluster deletes all but the
    // newest 5 MiB.
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
