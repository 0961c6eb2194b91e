use std::time::Duration;

use test_support::FakeModel;

use super::audit::Audit;
use super::cluster::Cluster;
use super::instance::Instance;
use super::load::Load;
use super::{random_pause, rounds};

#[tokio::test(flavor = "multi_thread")]
async fn joining_and_leaving_loses_and_repeats_nothing() {
    let (cluster, model) = (Cluster::with_topics("members"), FakeModel::start().await);
    let load = Load::start(&cluster, 2_000);
    let audit = Audit::start(&cluster);
    let first = Instance::start(&cluster, &model.url);
    for _ in 0..rounds() {
        audit.progress(1_000).await;
        let second = Instance::start(&cluster, &model.url);
        random_pause(Duration::from_secs(3)).await;
        let third = Instance::start(&cluster, &model.url);
        random_pause(Duration::from_secs(3)).await;
        second.stop().await;
        random_pause(Duration::from_secs(1)).await;
        third.stop().await;
    }
    audit.progress(1_000).await;
    let sent = load.stop().await;
    let figures = audit.finish(&cluster, sent).await;
    println!(
        "joining and leaving, {} times two instances: {figures}",
        rounds()
    );
    figures.assert_nothing_repeated();
    first.stop().await;
}
