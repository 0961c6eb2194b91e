//! The shipped SQL on an in-process Kafka cluster.

use ksql_engine::execute::partition_of;
use ksql_engine::kafka::{Options, RuntimeError, Script, run};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use test_support::PATIENCE as LIMIT;

const PIPELINE: &str = include_str!("../../../../ksql/pipeline.sql");
const HOPPING: &str = include_str!("../../../../ksql/alternatives/hopping.sql");

fn prediction(weight: f64) -> String {
    format!(
        r#"{{"Species":"salmon","Length":80.0,"Height":18.0,"Timestamp":"t","Prediction":{{"Weight":{weight},"ModelTime":"m","ModelVersion":"v1"}}}}"#
    )
}

fn actual(fish: usize) -> String {
    format!(r#"{{"Species":"salmon","Weight":2.0,"Timestamp":"t{fish}"}}"#)
}

/// A script that runs until it is stopped.
struct Running {
    task: JoinHandle<Result<(), RuntimeError>>,
    shutdown: CancellationToken,
}

impl Running {
    fn start(script: Script, broker: &Broker, options: Options) -> Self {
        let (settings, shutdown) = (broker.settings.clone(), CancellationToken::new());
        let stop = shutdown.clone();
        let task = tokio::spawn(async move { run(&script, settings, options, stop).await });
        Self { task, shutdown }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(LIMIT, self.task).await;
        ended.unwrap().unwrap().unwrap();
    }
}

/// The time of the first weight, at the start of a minute.
const START: i64 = 1_700_000_040_000;

/// Forty fish, one every two seconds, all written before the queries start. The queries read the two
/// sides at different speeds, but merge them by time.
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
async fn an_impossible_weight_is_not_joined() {
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
        let running = Running::start(script, &broker, Options::default());
        // Only the last of the four fish has a row.
        let rows = broker.records("weight-diff", 1).await;
        let (_, key, value, _) = &rows[0];
        assert_eq!((key.as_slice(), &value["Error"]), (&b"3"[..], &0.5.into()));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_a_version_triggers() {
    for (answer, version) in [
        (
            r#"{"Weight":1.0,"ModelTime":"2021-06-02 07:48:52"}"#,
            "2021-06-02 07:48:52",
        ),
        (r#"{"Weight":1.0}"#, "unversioned"),
    ] {
        let script = Script::parse(PIPELINE).unwrap();
        let broker = Broker::start(1, script.topics());
        for fish in 0..40_usize {
            let (key, time) = (fish.to_string(), START + 2_000 * fish as i64);
            let predicted = format!(
                r#"{{"Species":"salmon","Length":80.0,"Height":18.0,"Timestamp":"t","Prediction":{answer}}}"#
            );
            broker
                .send("weight-prediction", &key, &predicted, time)
                .await;
            broker
                .send("machine-weight", &key, &actual(fish), time)
                .await;
        }
        let running = Running::start(script, &broker, Options::default());
        let finals = broker.records("weight-retrain", 1).await;
        assert_eq!(finals[0].2["ModelVersion"], version);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_pipeline_joins_triggers_and_skips_bad_records() {
    let script = Script::parse(PIPELINE).unwrap();
    let broker = Broker::start(1, script.topics());
    forty_fish(&broker).await;
    let options = Options::default();
    let metrics = options.metrics.clone();
    let running = Running::start(script, &broker, options);
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
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_go_to_the_partitions_that_java_clients_choose() {
    let script = Script::parse(PIPELINE).unwrap();
    let broker = Broker::start(3, script.topics());
    forty_fish(&broker).await;
    let running = Running::start(script, &broker, Options::default());
    for (partition, key, ..) in broker.records("weight-diff", 40).await {
        assert_eq!(partition as u32, partition_of(&key, 3));
    }
    let (partition, ..) = &broker.records("weight-retrain", 1).await[0];
    assert_eq!(
        *partition as u32,
        partition_of(b"v1", 3),
        "the key without its window determines the partition"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_pair_is_joined_while_other_partitions_are_idle() {
    let script = Script::parse(PIPELINE).unwrap();
    let broker = Broker::start(3, script.topics());
    let running = Running::start(script, &broker, Options::default());
    broker.send("machine-weight", "7", &actual(7), 1_000).await;
    broker
        .send("weight-prediction", "7", &prediction(2.0), 500)
        .await;
    let rows = broker.records("weight-diff", 1).await;
    assert_eq!(rows[0].2["Error"], 0.0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_with_missing_topics_starts_nothing() {
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
