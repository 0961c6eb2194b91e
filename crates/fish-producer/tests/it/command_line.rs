//! The binary: wrong usage is one line and exit code 2, and it serves its endpoints.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};

use clap::{CommandFactory, Parser};
use fish_producer::service::{self, Cli, Settings};
use pipeline::topics::MACHINE_WEIGHT;
use service_runtime::CancellationToken;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::broker::{Broker, LONG, broker, records};

fn fish_producer(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fish-producer"));
    command
        .env_clear()
        .args(["--listen", "127.0.0.1:0"])
        .args(arguments);
    command.output().unwrap()
}

#[test]
fn the_command_line_is_consistent_and_every_setting_has_an_environment_variable() {
    Cli::command().debug_assert();
    for argument in Cli::command().get_arguments() {
        let name = argument.get_id().as_str();
        if !["help", "version", "kafka_properties"].contains(&name) {
            assert!(argument.get_env().is_some(), "--{name} has no variable");
        }
    }
}

#[test]
fn wrong_usage_ends_with_code_2_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fish.csv");
    std::fs::write(
        &path,
        "Fish_Id,Species,Length,Height,Weight\n1,perch,31,9,heavy\n",
    )
    .unwrap();
    let input = format!("--input={}", path.display());
    for (arguments, told) in [
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
        (vec!["-X", "group.id=mine"], "not yours to set"),
        (vec!["-X", "no.such=1"], "no.such"),
    ] {
        let output = fish_producer(&arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(told), "{arguments:?}: {text}");
    }
}

fn settings(broker: &Broker, listen: SocketAddr, more: &[&str]) -> Settings {
    let (kafka, listen) = (broker.bootstrap_servers(), listen.to_string());
    let fixed = [
        "fish-producer",
        "--bootstrap-servers",
        &kafka,
        "--listen",
        &listen,
    ];
    Cli::parse_from(fixed.iter().chain(more)).settings
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LONG, stream.read_to_string(&mut answer))
        .await
        .expect("in time")
        .unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoints_tell_readiness_and_progress_until_it_is_stopped() {
    let broker = broker();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let endless = settings(
        &broker,
        free,
        &["--repeat", "--interval=10ms", "--weigh-delay=10ms"],
    );
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(service::run(endless, shutdown.clone()));
    records(&broker, MACHINE_WEIGHT, 5).await;
    assert!(get(free, "/readyz").await.starts_with("HTTP/1.1 200"));
    let metrics = get(free, "/metrics").await;
    for name in [
        "fish_measured_total",
        "fish_weighed_total",
        "fish_producer_records_in_flight",
    ] {
        assert!(
            metrics.contains(&format!("\ncatchweight_{name} ")),
            "{metrics}"
        );
    }
    shutdown.cancel();
    tokio::time::timeout(LONG, running)
        .await
        .expect("stops")
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_ends_when_the_plan_ends() {
    let broker = broker();
    let any = "127.0.0.1:0".parse().unwrap();
    let short = settings(&broker, any, &["--plan=salmon:3", "--speed=1000000"]);
    let run = service::run(short, CancellationToken::new());
    tokio::time::timeout(LONG, run)
        .await
        .expect("ends by itself")
        .unwrap();
}
