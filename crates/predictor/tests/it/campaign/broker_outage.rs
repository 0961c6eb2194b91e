use std::process::Command;
use std::time::Duration;

use super::audit::Audit;
use super::cluster::Cluster;
use super::instance::Instance;
use super::load::Load;
use super::rounds;
use crate::support::model::Model;
use crate::support::topics::end_offsets;

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stops_and_starts_again_loses_nothing_and_keeps_order() {
    let (cluster, model) = (Cluster::with_topics("broker").await, Model::start().await);
    let load = Load::start(&cluster, 2_000);
    let audit = Audit::start(&cluster);
    let instances = [(); 2].map(|()| Instance::start(&cluster, &model.url));
    for _ in 0..rounds().div_ceil(4) {
        audit.progress(1_000).await;
        shell("KAFKA_STOP").await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        shell("KAFKA_START").await;
    }
    audit.progress(1_000).await;
    let sent = load.stop().await;
    let figures = audit.finish(&cluster, sent).await;
    let buried: i64 = end_offsets(&cluster.kafka, &cluster.dead_letters)
        .await
        .iter()
        .sum();
    println!(
        "broker stopped and started, {} times: {figures}, {buried} dead letters",
        rounds().div_ceil(4)
    );
    assert_eq!(buried, 0);
    for instance in instances {
        instance.stop().await;
    }
}

/// Runs the shell command that the environment names.
async fn shell(variable: &str) {
    let command = std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is the shell command that this test needs"));
    let status =
        tokio::task::spawn_blocking(move || Command::new("sh").args(["-c", &command]).status());
    assert!(status.await.unwrap().unwrap().success(), "{variable}");
}
