//! `catchweight verify` on a running pipeline.

use std::process::{Command, Output};

use model_store::SqliteStore;
use pipeline::{Definition, topics};
use rdkafka::types::RDKafkaRespErr;
use serde_json::Value;
use test_support::{Broker, eventually, within};

use crate::harness::Running;

/// Runs `catchweight verify` with a timeout in seconds and returns its report too.
async fn verify(running: &Running, model_url: &str, seconds: u64) -> (Output, Value) {
    let report = running.data.path().join("report.json");
    let store = running.data.path().join("catchweight.sqlite");
    let mut command = Command::new(env!("CARGO_BIN_EXE_catchweight"));
    command
        .args(["verify", "--model-url", model_url])
        .args([
            "--bootstrap-servers",
            &running.embedded.kafka().bootstrap_servers,
        ])
        .args(["--store", &format!("sqlite:{}", store.display())])
        .args(["--timeout", &seconds.to_string()])
        .arg("--report")
        .arg(&report)
        .env_remove("RUST_LOG");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = within("verify ends", output).await.expect("no panic");
    let report = std::fs::read(report).expect("a report");
    let report = serde_json::from_slice(&report).expect("JSON");
    (output.expect("verify starts"), report)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fish_measured_before_verify_starts_are_accounted_for() {
    let mut running = Running::start().await;
    running.produce_forever();
    let observer = &running.embedded.view().observer;
    eventually("twenty fish", async || {
        observer.ledger().steps().measured >= 20
    })
    .await;

    let (output, report) = verify(&running, running.embedded.model_url(), 50).await;
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}");
    // No numbers before every topic was read to its end: they would not match.
    assert!(
        stdout.starts_with("reading the topics\nmeasured "),
        "{stdout}"
    );
    assert_eq!(report["verdict"], "steady", "{report}");
    let steps = ["measured", "predicted", "weighed", "joined", "stored"];
    let fish = steps.map(|step| report["fish"][step].as_u64().expect("a number"));
    assert!(
        fish[0] >= 20 && fish.iter().all(|n| *n == fish[0]),
        "{fish:?}"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_model_api_stored_fish_are_still_reported() {
    let mut running = Running::start().await;
    running.produce("salmon:20");
    running.settled(20).await;

    let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let model_url = format!("http://{}", unused.local_addr().expect("an address"));
    drop(unused);
    let (output, report) = verify(&running, &model_url, 4).await;
    assert_eq!(output.status.code(), Some(1), "the triggers are unknown");
    assert_eq!(report["fish"]["stored"], 20, "{report}");
    let reasons = report["reasons"].as_array().expect("reasons");
    assert_eq!(reasons[0], "no progress for 4 s: no answer");
    let unknown = reasons[1].as_str().expect("a text");
    let expected = format!(
        "cannot read the model's history: the model API does not answer {model_url}/models"
    );
    assert!(unknown.starts_with(&expected), "{unknown}");
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_may_not_be_read_ends_verify() {
    let broker = Broker::with_topics(1, topics::ALL);
    broker.cluster(|cluster| {
        let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        cluster.topic_error(topics::WEIGHT_DIFF, denied).unwrap();
    });
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    SqliteStore::open(&store, Definition::shipped()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_catchweight"));
    command
        .args(["verify", "--model-url", "http://127.0.0.1:9"])
        .args(["--bootstrap-servers", broker.bootstrap_servers()])
        .args(["-X", "sasl.username=verify"])
        .arg("--store")
        .arg(format!("sqlite:{}", store.display()))
        .env_remove("RUST_LOG")
        .current_dir(folder.path());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = within("verify ends", output).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().last().unwrap();
    assert!(
        last.starts_with(
            "error: Kafka does not allow user `verify` the operation Describe on topic `weight-diff`"
        ),
        "{errors}"
    );
}
