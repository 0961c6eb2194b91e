use std::time::Duration;

use test_support::FakeModel;

use super::audit::Audit;
use super::cluster::Cluster;
use super::instance::{Instance, SHORT_SESSION};
use super::load::Load;
use super::{random_pause, rounds};

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_load_loses_nothing_and_keeps_order() {
    let (cluster, model) = (Cluster::with_topics("kills"), FakeModel::start().await);
    let load = Load::start(&cluster, 2_000);
    let audit = Audit::start(&cluster);
    let start = || Some(Instance::start_with(&cluster, &model.url, &SHORT_SESSION));
    let mut instances = [start(), start()];
    for round in 0..rounds() {
        audit.progress(1_000).await;
        random_pause(Duration::from_millis(1_000)).await;
        let slot = &mut instances[round % 2];
        slot.take().unwrap().kill();
        *slot = start();
    }
    audit.progress(1_000).await;
    let sent = load.stop().await;
    let figures = audit.finish(&cluster, sent).await;
    println!("kill -9, {} times, 2 instances: {figures}", rounds());
    for instance in instances.into_iter().flatten() {
        instance.stop().await;
    }
}
