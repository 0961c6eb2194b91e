use std::time::Duration;

use super::audit::Audit;
use super::cluster::Cluster;
use super::instance::Instance;
use super::load::Load;
use super::rounds;
use crate::support::eventually;
use crate::support::model::{Model, Mood};
use crate::support::topics::end_offsets;

#[tokio::test(flavor = "multi_thread")]
async fn a_model_in_any_kind_of_trouble_loses_nothing_and_buries_nothing() {
    let (cluster, model) = (Cluster::with_topics("model").await, Model::start().await);
    let load = Load::start(&cluster, 2_000);
    let audit = Audit::start(&cluster);
    let instance = Instance::start(&cluster, &model.url);
    for mood in [
        Mood::Gone,
        Mood::Status(500),
        Mood::Status(404),
        Mood::Hangs,
        Mood::BreaksOff,
    ] {
        audit.progress(1_000).await;
        model.set(mood).await;
        let before = model.requests();
        // The trouble itself must last a while: ten seconds in the full campaign.
        tokio::time::sleep(Duration::from_millis(500 * rounds() as u64)).await;
        if mood != Mood::Gone {
            eventually("a request to a model in trouble", || {
                (model.requests() > before).then_some(())
            })
            .await;
        }
        model.set(Mood::Well).await;
    }
    audit.progress(1_000).await;
    let sent = load.stop().await;
    let figures = audit.finish(&cluster, sent).await;
    let buried: i64 = end_offsets(&cluster.kafka, &cluster.dead_letters)
        .await
        .iter()
        .sum();
    println!("model gone, 500, 404, hanging, breaking off: {figures}, {buried} dead letters");
    assert_eq!(buried, 0);
    assert_eq!(
        figures.results, figures.different,
        "the model's trouble repeats nothing"
    );
    instance.stop().await;
}
