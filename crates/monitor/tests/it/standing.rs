//! Where the pipeline stands: the page's headline.

use std::time::{Duration, Instant};

use crate::support::{Faulty, Stage, time};

#[tokio::test(flavor = "multi_thread")]
async fn fish_that_are_weighed_and_not_joined_turn_a_headline_of_the_past() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = stage.live_version().await;
    for id in 1..=12 {
        stage.fish(id, "salmon", &live, 0.02).await;
    }
    monitor.page_with("data-condition=\"steady\"").await;
    for id in 13..=30 {
        stage.fish_to(3, id, "salmon", &live, 0.02).await;
    }
    let page = monitor.page_with("data-condition=\"stalled\"").await;
    let since =
        "Since fish 13, 2021-06-09 13:39:56 UTC, fish are predicted and weighed and not joined.";
    assert!(page.contains(since), "{page}");
    for id in 13..=30 {
        stage.fish(id, "salmon", &live, 0.02).await;
    }
    monitor.page_with("data-condition=\"steady\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_no_rows_has_stalled_and_one_that_had_no_time_for_them_has_not() {
    let stage = Stage::new().await;
    let monitor = stage.monitor_with(stage.config_with_store()).await;
    let live = stage.live_version().await;
    // Minutes of event time within a second.
    let began = Instant::now();
    for id in 1..=60 {
        stage.fish(id, "walleye", &live, 0.02).await;
    }
    let page = monitor.page().await;
    if began.elapsed() < Duration::from_secs(4) {
        assert!(!page.contains("data-condition=\"stalled\""), "{page}");
    }
    let page = monitor.page_with("data-condition=\"stalled\"").await;
    let since = "Since fish 1, 2021-06-09 13:39:32 UTC, fish are joined and not stored.";
    assert!(page.contains(since), "{page}");
    stage.store_walleye(60, &live).await;
    monitor.page_with("data-condition=\"steady\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drift_that_ended_is_told_also_where_the_training_rows_cannot_be_read() {
    let stage = Stage::new().await;
    let faulty = Faulty::of(&stage.model_url, "/rows").await;
    let mut config = stage.config();
    config.model_url = faulty.url.clone();
    let monitor = stage.monitor_with(config).await;
    let first = stage.live_version().await;
    for id in 1..=40 {
        stage.fish(id, "walleye", &first, 0.8).await;
    }
    stage.trigger(&first, time(-20), (1, 14)).await;
    let second = stage.retrain().await;
    for id in 41..=50 {
        stage.fish(id, "walleye", &second, 0.02).await;
    }
    let page = monitor.page_with("data-condition=\"recovered\"").await;
    assert!(page.contains("Since fish 41, 2021-06-09 13:40:42 UTC, fish are predicted well again"));
    assert!(!page.contains("a species that the model never saw"));
    let page = monitor.page_with("<strong>training rows</strong>").await;
    assert!(
        page.contains("that the model was trained on is not known"),
        "{page}"
    );
    faulty.mend();
    let page = monitor
        .page_with("a species that the model never saw")
        .await;
    assert!(page.contains("mean length 80.0, in its training rows "));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_a_trigger_is_not_known_while_the_history_cannot_be_read() {
    let stage = Stage::new().await;
    let faulty = Faulty::of(&stage.model_url, "/models").await;
    let mut config = stage.config();
    config.model_url = faulty.url.clone();
    let monitor = stage.monitor_with(config).await;
    let live = stage.live_version().await;
    for id in 1..=10 {
        stage.fish(id, "walleye", &live, 0.8).await;
    }
    stage.trigger(&live, time(-20), (1, 10)).await;
    let page = monitor.page_with("data-condition=\"unknown\"").await;
    assert!(page.contains("What came of it is not known"), "{page}");
    assert!(
        page.contains(", 10 of 10 fish, off by 80.0\u{a0}%"),
        "{page}"
    );
    faulty.mend();
    let page = monitor.page_with("data-condition=\"drifting\"").await;
    assert!(page.contains("The retraining is not decided yet."));
}
