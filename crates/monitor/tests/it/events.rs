//! Changes as server-sent events.

use std::time::Duration;

use test_support::{eventually, within};

use crate::support::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_reconnects_gets_only_changes() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = &stage.live;
    let mut first = monitor.events(None).await;
    assert_eq!(first.answer.headers()["content-type"], "text/event-stream");
    let whole = first.frame().await.expect("a frame");
    assert_eq!(whole.sections.len(), 11, "{:?}", whole.names());

    stage.fish(1..=3, "salmon", live, 0.02).await;
    let seen = first.frame_with("errors", "data-fish=\"3\"").await;
    let mut again = monitor.events(Some(&whole.id)).await;
    let missed = again.frame().await.expect("a frame");
    assert!(missed.html("flow").is_some(), "{:?}", missed.names());
    assert!(missed.html("dead-letters").is_none(), "not changed");
    let charts = |frame: &crate::support::Frame| frame.html("errors").map(str::to_owned);
    let page = monitor.page().await;
    assert!(page.contains(&charts(&missed).expect("the chart has changed")));
    let number = |id: &str| {
        id.rsplit('-')
            .next()
            .and_then(|number| number.parse::<u64>().ok())
    };
    assert!(number(&seen.id).expect("a number") <= number(&missed.id).expect("a number"));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_viewers_share_frames() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = &stage.live;
    let mut viewers = Vec::new();
    for _ in 0..20 {
        let mut events = monitor.events(None).await;
        events.frame().await.expect("a frame");
        viewers.push(events);
    }
    let before = monitor.metric("catchweight_monitor_frames_total").await;
    stage.fish(1..=1, "salmon", live, 0.02).await;
    let mut last = Vec::new();
    for viewer in &mut viewers {
        last.push(viewer.frame_with("figures", "1 weighed").await);
    }
    let html = last[0].html("figures");
    assert!(last.iter().all(|frame| frame.html("figures") == html));
    let frames = monitor.metric("catchweight_monitor_frames_total").await - before;
    assert!(frames < 20.0, "{frames} frames for 20 viewers");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_rendered_without_viewers() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = &stage.live;
    stage.fish(1..=1, "salmon", live, 0.02).await;
    assert_eq!(
        monitor.metric("catchweight_monitor_frames_total").await,
        0.0
    );
    let mut viewer = monitor.events(None).await;
    viewer.frame().await.expect("a frame");
    drop(viewer);
    eventually("the viewer is gone", async || {
        monitor.metric("catchweight_monitor_viewers").await == 0.0
    })
    .await;
    let frames = monitor.metric("catchweight_monitor_frames_total").await;
    stage.fish(2..=2, "salmon", live, 0.02).await;
    // Longer than two intervals of the renderer: the absence of a frame cannot be awaited.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let later = monitor.metric("catchweight_monitor_frames_total").await;
    assert!(later <= frames + 1.0, "{later} after {frames}");
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_beyond_the_maximum_are_refused() {
    let stage = Stage::new().await;
    let mut config = stage.config();
    config.viewers = 1;
    let monitor = stage.monitor_with(config).await;
    let mut first = monitor.events(None).await;
    first.frame().await.expect("a frame");
    let foreign = reqwest::Client::new()
        .get(format!("{}/events", monitor.url))
        .header("Sec-Fetch-Site", "cross-site");
    assert_eq!(
        foreign.send().await.unwrap().status(),
        403,
        "does not count as a viewer"
    );
    let refused = monitor.get("/events").await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    drop(first);
    eventually("a free viewer slot", async || {
        monitor.events(None).await.answer.status() == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_that_ends_closes_the_events() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let mut viewer = monitor.events(None).await;
    viewer.frame().await.expect("a frame");
    monitor.stop.cancel();
    let end = async { while viewer.frame().await.is_some() {} };
    within("the events end", end).await;
    monitor.ended().await;
}
