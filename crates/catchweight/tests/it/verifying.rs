//! A pipeline that runs, reported on from outside.

use std::process::{Command, Output};
use std::time::Duration;

use observer::Awaited;
use serde_json::Value;
use tokio::time::timeout;

use crate::harness::{LIMIT, Running};

/// What `catchweight verify` says of a running pipeline within so many seconds, and its report.
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
    let output = timeout(LIMIT, output).await;
    let output = output
        .expect("it has a limit of its own")
        .expect("no panic")
        .expect("it starts");
    let report = std::fs::read(report).expect("a report");
    (output, serde_json::from_slice(&report).expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn while_fish_keep_coming_those_that_were_measured_when_it_began_are_accounted_for() {
    let mut running = Running::start().await;
    running.fish_come();
    let embedded = &running.embedded;
    let measured = async {
        let mut changes = embedded.watched().observer.changes();
        while embedded.watched().observer.ledger().fish().len() < 20 {
            changes.changed().await.expect("the observer lives");
        }
    };
    timeout(LIMIT, measured).await.expect("twenty fish");

    let (output, report) = verify(&running, running.embedded.model_url(), 60).await;
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}");
    // One topic is read ahead of the others: no numbers before all were read.
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
async fn while_the_model_api_is_away_stored_fish_are_told_as_stored_and_what_is_not_known_with_the_reason()
 {
    let mut running = Running::start().await;
    running.fish_of("salmon:20");
    let stored = running
        .embedded
        .watched()
        .settled(Awaited::Planned(20), Duration::ZERO);
    timeout(LIMIT, stored).await.expect("twenty fish");

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let model_url = format!("http://{}", nobody.local_addr().expect("an address"));
    drop(nobody);
    let (output, report) = verify(&running, &model_url, 10).await;
    assert_eq!(
        output.status.code(),
        Some(1),
        "of triggers nothing is known"
    );
    assert_eq!(report["fish"]["stored"], 20, "{report}");
    let reasons = report["reasons"].as_array().expect("reasons");
    assert_eq!(reasons[0], "after 10 s still waiting for an answer");
    let unknown = reasons[1].as_str().expect("a text");
    assert!(
        unknown.starts_with(&format!(
            "what became of the triggers is not known: the model API does not answer {model_url}/models"
        )),
        "{unknown}"
    );
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    running.stop().await;
}
