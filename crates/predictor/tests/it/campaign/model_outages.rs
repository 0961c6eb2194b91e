use std::time::Duration;

use test_support::{Behavior, FakeModel, eventually};

use super::audit::Audit;
use super::cluster::Cluster;
use super::instance::Instance;
use super::load::Load;
use super::rounds;

#[tokio::test(flavor = "multi_thread")]
async fn model_outages_lose_nothing_and_cause_no_dead_letters() {
    let (cluster, model) = (Cluster::with_topics("model"), FakeModel::start().await);
    let load = Load::start(&cluster, 2_000);
    let audit = Audit::start(&cluster);
    let instance = Instance::start(&cluster, &model.url);
    for outage in [
        Behavior::Unreachable,
        Behavior::Status(500),
        Behavior::Status(404),
        Behavior::Hangs,
        Behavior::Truncates,
    ] {
        audit.progress(1_000).await;
        model.set(outage).await;
        let before = model.requests();
        // An outage lasts ten seconds in the full campaign.
        tokio::time::sleep(Duration::from_millis(500 * rounds() as u64)).await;
        if outage != Behavior::Unreachable {
            eventually("a request during the outage", async || {
                model.requests() > before
            })
            .await;
        }
        model.set(Behavior::Normal).await;
    }
    audit.progress(1_000).await;
    let sent = load.stop().await;
    let figures = audit.finish(&cluster, sent).await;
    let dead_letters = cluster.broker.count(&cluster.dead_letters);
    println!(
        "model unreachable, 500, 404, hanging, truncating: {figures}, {dead_letters} dead letters"
    );
    assert_eq!(dead_letters, 0);
    figures.assert_nothing_repeated();
    instance.stop().await;
}
