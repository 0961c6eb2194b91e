//! The program: usage errors are one line and exit code 2; endpoints are served.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};

use clap::{CommandFactory, Parser};
use fish_producer::service::{self, Cli, Settings};
use pipeline::topics::MACHINE_WEIGHT;
use service_runtime::CancellationToken;
use test_support::{Broker, http, within};

use crate::broker::broker;

fn fish_producer(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fish-producer"));
    command
        .env_clear()
        .args(["--listen", "127.0.0.1:0"])
        .args(arguments);
    command.output().unwrap()
}

#[test]
fn every_setting_has_an_environment_variable() {
    Cli::command().debug_assert();
    for argument in Cli::command().get_arguments() {
        let name = argument.get_id().as_str();
        if !["help", "version", "kafka_properties"].contains(&name) {
            assert!(
                argument.get_env().is_some(),
                "--{name} has no environment variable"
            );
        }
    }
}

#[test]
fn usage_errors_exit_with_code_2_and_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fish.csv");
    std::fs::write(
        &path,
        "Fish_Id,Species,Length,Height,Weight\n1,perch,31,9,heavy\n",
    )
    .unwrap();
    let input = format!("--input={}", path.display());
    for (arguments, expected) in [
        (vec!["--plan", "salmon"], "species:count"),
        (
            vec!["--input", "no-such-file.csv"],
            "cannot read no-such-file.csv",
        ),
        (vec![input.as_str()], "line 2: Weight is `heavy`"),
        (
            vec!["--repeat", "--speed", "20"],
            "--repeat needs --speed 1",
        ),
        (
            vec!["-X", "group.id=mine"],
            "`group.id` cannot be overridden",
        ),
        (vec!["-X", "no.such=1"], "no.such"),
    ] {
        let output = fish_producer(&arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

fn settings(broker: &Broker, listen: SocketAddr, more: &[&str]) -> Settings {
    let fixed = [
        "fish-producer",
        "--bootstrap-servers",
        broker.bootstrap_servers(),
        "--listen",
        &listen.to_string(),
    ];
    Cli::parse_from(fixed.iter().chain(more)).settings
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_and_metrics_are_served_until_it_is_stopped() {
    let broker = broker();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let endless = ["--repeat", "--interval=10ms", "--weigh-delay=10ms"];
    let shutdown = CancellationToken::new();
    let service = service::run(settings(&broker, address, &endless), shutdown.clone());
    let running = tokio::spawn(service);
    broker.read(MACHINE_WEIGHT, 5).await;
    assert_eq!(http::get(address, "/readyz").await.0, 200);
    let (_, metrics) = http::get(address, "/metrics").await;
    for name in [
        "fish_measured_total",
        "fish_weighed_total",
        "fish_producer_records_in_flight",
    ] {
        let line = format!("\ncatchweight_{name} ");
        assert!(metrics.contains(&line), "{metrics}");
    }
    shutdown.cancel();
    within("the service stops", running).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn for_another_pipeline_it_is_ready_and_sends_nothing() {
    let broker = broker();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let penguins = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/penguins");
    let shutdown = CancellationToken::new();
    // The plan would end at once.
    let other = ["--plan=salmon:1", "--speed=1000", "--pipeline", penguins];
    let running = tokio::spawn(service::run(
        settings(&broker, address, &other),
        shutdown.clone(),
    ));
    http::ready(address).await;
    let (_, metrics) = http::get(address, "/metrics").await;
    assert!(
        metrics.contains("\ncatchweight_fish_measured_total 0"),
        "{metrics}"
    );
    assert!(!running.is_finished());
    shutdown.cancel();
    within("the service stops", running).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_ends_when_the_plan_ends() {
    let broker = broker();
    let any = "127.0.0.1:0".parse().unwrap();
    let short = settings(&broker, any, &["--plan=salmon:3", "--speed=1000000"]);
    let service = service::run(short, CancellationToken::new());
    within("the plan ends", service).await.unwrap();
}
