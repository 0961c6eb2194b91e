use std::time::Duration;

use super::audit::Audit;
use super::cluster::Cluster;
use super::instance::Instance;
use super::load::Load;
use super::{random_moment, rounds};
use crate::support::model::Model;

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_join_and_leave_in_a_loop_lose_and_repeat_nothing() {
    let (cluster, model) = (Cluster::with_topics("members").await, Model::start().await);
    let load = Load::start(&cluster, 2_000);
    let audit = Audit::start(&cluster);
    let first = Instance::start(&cluster, &model.url);
    for _ in 0..rounds() {
        audit.progress(1_000).await;
        let second = Instance::start(&cluster, &model.url);
        random_moment(Duration::from_secs(3)).await;
        let third = Instance::start(&cluster, &model.url);
        random_moment(Duration::from_secs(3)).await;
        second.stop().await;
        random_moment(Duration::from_secs(1)).await;
        third.stop().await;
    }
    audit.progress(1_000).await;
    let sent = load.stop().await;
    let figures = audit.finish(&cluster, sent).await;
    println!(
        "joining and leaving, {} times two instances: {figures}",
        rounds()
    );
    assert_eq!(
        figures.results, figures.different,
        "leaving in good order repeats nothing"
    );
    first.stop().await;
}
