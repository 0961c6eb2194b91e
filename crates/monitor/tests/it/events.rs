//! What has changed since, as server-sent events.

use std::time::Duration;

use tokio::time::timeout;

use crate::support::{LONG, Stage, until};

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_again_gets_only_what_changed_meanwhile_and_ends_with_the_same_state() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = stage.live_version().await;
    let mut first = monitor.events(None).await;
    assert_eq!(first.answer.headers()["content-type"], "text/event-stream");
    let whole = first.frame().await.expect("a frame");
    assert_eq!(whole.sections.len(), 11, "{:?}", whole.names());

    for id in 1..=3 {
        stage.fish(id, "salmon", &live, 0.02).await;
    }
    let seen = first.frame_with("errors", "data-fish=\"3\"").await;
    let mut again = monitor.events(Some(&whole.id)).await;
    let missed = again.frame().await.expect("a frame");
    assert!(missed.html("flow").is_some(), "{:?}", missed.names());
    assert!(missed.html("letters").is_none(), "nothing new there");
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
async fn all_who_look_see_the_same_frames_rendered_once() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = stage.live_version().await;
    let mut viewers = Vec::new();
    for _ in 0..20 {
        let mut events = monitor.events(None).await;
        events.frame().await.expect("a frame");
        viewers.push(events);
    }
    let before = monitor.metric("catchweight_monitor_frames_total").await;
    stage.fish(1, "salmon", &live, 0.02).await;
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
async fn nothing_is_rendered_while_nobody_looks() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = stage.live_version().await;
    stage.fish(1, "salmon", &live, 0.02).await;
    assert_eq!(
        monitor.metric("catchweight_monitor_frames_total").await,
        0.0
    );
    let mut viewer = monitor.events(None).await;
    viewer.frame().await.expect("a frame");
    drop(viewer);
    until("the viewer is gone", async || {
        monitor.metric("catchweight_monitor_viewers").await == 0.0
    })
    .await;
    let frames = monitor.metric("catchweight_monitor_frames_total").await;
    stage.fish(2, "salmon", &live, 0.02).await;
    // Longer than two of the renderer's beats: what does not happen cannot be waited for.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let later = monitor.metric("catchweight_monitor_frames_total").await;
    assert!(later <= frames + 1.0, "{later} after {frames}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_pages_are_refused_and_a_seat_is_free_again_when_one_goes() {
    let stage = Stage::new().await;
    let mut config = stage.config();
    config.viewers = 1;
    let monitor = stage.monitor_with(config).await;
    let mut seated = monitor.events(None).await;
    seated.frame().await.expect("a frame");
    let foreign = reqwest::Client::new()
        .get(format!("{}/events", monitor.url))
        .header("Sec-Fetch-Site", "cross-site");
    assert_eq!(
        foreign.send().await.unwrap().status(),
        403,
        "it needs no seat"
    );
    let refused = monitor.get("/events").await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    drop(seated);
    until("a free seat", async || {
        monitor.events(None).await.answer.status() == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_that_ends_says_good_bye_to_all_who_look() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let mut viewer = monitor.events(None).await;
    viewer.frame().await.expect("a frame");
    monitor.stop.cancel();
    let end = async { while viewer.frame().await.is_some() {} };
    timeout(LONG, end).await.expect("the events end");
    monitor.ended().await;
}
