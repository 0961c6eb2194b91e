//! `catchweight backtest` over what is on a cluster's topics.

use std::process::{Command, Output};

use fish_producer::Simulation;
use fish_producer::producer::outgoing;
use serde_json::Value;
use test_support::{Broker, within};

use crate::harness::fish;

const PLAN: &str = "salmon:60,walleye:60";

/// Runs `catchweight backtest` on the fish factory and returns the figures of the shipped rule too.
async fn backtest(arguments: &[&str]) -> (Output, Option<Value>) {
    let dir = tempfile::tempdir().expect("a directory");
    let json = dir.path().join("figures.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_catchweight"));
    let project = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    command
        .args(["backtest", "--pipeline", project])
        .args(arguments)
        .arg("--json")
        .arg(&json)
        // Only the flag makes a cluster the input.
        .env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        .env_remove("RUST_LOG");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = within("backtest ends", output).await.expect("no panic");
    let figures = std::fs::read(json).unwrap_or_default();
    let figures: Option<Value> = serde_json::from_slice(&figures).ok();
    let rule = figures.map(|figures| figures["rules"][0].clone());
    (output.expect("backtest starts"), rule)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_records_of_a_cluster_give_the_figures_of_their_rows() {
    let broker = Broker::with_topics(3, ["machine-measurement", "machine-weight"]);
    let config = fish_producer::Config {
        start_time: Some("2021-06-09T13:39:20.000Z".parse().expect("a time")),
        ..fish(PLAN, 1)
    };
    let simulation = Simulation::new(&config).expect("a plan");
    let records: Vec<_> = simulation
        .events()
        .map(|event| outgoing(event).expect("a record"))
        .collect();
    for topic in ["machine-measurement", "machine-weight"] {
        let of_topic = records.iter().filter(|record| record.topic == topic);
        let sent = of_topic.map(|one| (one.key.clone(), one.value.clone(), one.at.as_millis()));
        broker.send_all(topic, sent).await;
    }
    broker
        .send_all(
            "machine-measurement",
            [("x".to_owned(), "{".to_owned(), 1_623_246_000_000)],
        )
        .await;

    let (output, read) = backtest(&["--bootstrap-servers", broker.bootstrap_servers()]).await;
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(stdout.contains("1 record has no key"), "{stdout}");
    assert!(stdout.contains("120 fish joined"), "{stdout}");
    let (_, simulated) = backtest(&["--simulate", PLAN, "--seeds", "1"]).await;
    let (read, simulated) = (read.expect("figures"), simulated.expect("figures"));
    for figure in ["records", "mean_error", "triggers", "outcomes"] {
        assert_eq!(read[figure], simulated[figure], "{figure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_cannot_be_read_is_a_usage_error() {
    let broker = Broker::with_topics(1, ["other"]);
    let servers = broker.bootstrap_servers();
    let (output, _) = backtest(&["--bootstrap-servers", servers, "--simulate", PLAN]).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("name one of them"), "{stderr}");
    let (output, _) = backtest(&["--bootstrap-servers", "127.0.0.1:1"]).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("does not answer"), "{stderr}");
}
