use std::process::Command;
use std::time::Duration;

use test_support::FakeModel;

use super::audit::Audit;
use super::cluster::Cluster;
use super::instance::Instance;
use super::load::Load;
use super::rounds;

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_restart_loses_nothing_and_keeps_order() {
    let (cluster, model) = (Cluster::with_topics("broker"), FakeModel::start().await);
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
    let dead_letters = cluster.broker.count(&cluster.dead_letters);
    println!(
        "broker stopped and started, {} times: {figures}, {dead_letters} dead letters",
        rounds().div_ceil(4)
    );
    assert_eq!(dead_letters, 0);
    for instance in instances {
        instance.stop().await;
    }
}

/// Runs the shell command in an environment variable.
async fn shell(variable: &str) {
    let command = std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: this test needs a shell command"));
    let status =
        tokio::task::spawn_blocking(move || Command::new("sh").args(["-c", &command]).status());
    assert!(status.await.unwrap().unwrap().success(), "{variable}");
}
