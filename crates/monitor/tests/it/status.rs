//! The page's headline.

use std::time::{Duration, Instant};

use crate::support::{Faulty, Stage, time};

#[tokio::test(flavor = "multi_thread")]
async fn weighed_fish_that_are_not_joined_are_a_stall() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = &stage.live;
    stage.fish(1..=12, "salmon", live, 0.02).await;
    monitor.page_with("data-condition=\"steady\"").await;
    stage.fish_to(3, 13..=30, "salmon", live, 0.02).await;
    let page = monitor.page_with("data-condition=\"stalled\"").await;
    let since =
        "Since fish 13, 2021-06-09 13:39:56 UTC, fish are predicted and weighed but not joined.";
    assert!(page.contains(since), "{page}");
    stage.fish(13..=30, "salmon", live, 0.02).await;
    monitor.page_with("data-condition=\"steady\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_new_rows_stalls_only_after_a_while() {
    let stage = Stage::new().await;
    let monitor = stage.monitor_with(stage.config_with_store()).await;
    let live = &stage.live;
    // Two minutes of event time within a second.
    let began = Instant::now();
    stage.fish(1..=60, "walleye", live, 0.02).await;
    let page = monitor.page().await;
    if began.elapsed() < Duration::from_secs(4) {
        assert!(!page.contains("data-condition=\"stalled\""), "{page}");
    }
    let page = monitor.page_with("data-condition=\"stalled\"").await;
    let since = "Since fish 1, 2021-06-09 13:39:32 UTC, fish are joined but not stored.";
    assert!(page.contains(since), "{page}");
    stage.store_walleye(60, live).await;
    monitor.page_with("data-condition=\"steady\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_is_shown_without_the_training_rows() {
    let stage = Stage::new().await;
    let faulty = Faulty::of(&stage.model_url, "/rows").await;
    let mut config = stage.config();
    config.model_url = faulty.url.clone();
    let monitor = stage.monitor_with(config).await;
    let first = &stage.live;
    stage.fish(1..=40, "walleye", first, 0.8).await;
    stage.trigger(first, time(-20), (1, 14)).await;
    let second = stage.retrain().await;
    stage.fish(41..=50, "walleye", &second, 0.02).await;
    let page = monitor.page_with("data-condition=\"recovered\"").await;
    assert!(page.contains("Since fish 41, 2021-06-09 13:40:42 UTC, fish are predicted well again"));
    assert!(!page.contains("not among the model's training rows"));
    let page = monitor.page_with("<strong>training rows</strong>").await;
    assert!(
        page.contains("shift from the training rows unknown"),
        "{page}"
    );
    faulty.repair();
    let page = monitor
        .page_with("not among the model's training rows")
        .await;
    assert!(page.contains("mean length 80.0, in the training rows "));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outcome_is_unknown_without_the_history() {
    let stage = Stage::new().await;
    let faulty = Faulty::of(&stage.model_url, "/models").await;
    let mut config = stage.config();
    config.model_url = faulty.url.clone();
    let monitor = stage.monitor_with(config).await;
    let live = &stage.live;
    stage.fish(1..=10, "walleye", live, 0.8).await;
    stage.trigger(live, time(-20), (1, 10)).await;
    let page = monitor.page_with("data-condition=\"unknown\"").await;
    assert!(page.contains("The outcome is unknown"), "{page}");
    assert!(
        page.contains(", 10 of 10 fish, off by 80.0\u{a0}%"),
        "{page}"
    );
    faulty.repair();
    let page = monitor.page_with("data-condition=\"drifting\"").await;
    assert!(page.contains("The retraining is not decided yet."));
}
