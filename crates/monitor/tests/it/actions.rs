//! The actions of the page's form.

use std::time::Instant;

use futures::future::join_all;
use reqwest::{Client, Response};

use crate::support::{Served, Stage, TOKEN};

/// Sends the page's form.
pub(crate) async fn act(monitor: &Served, headers: &[(&str, &str)], form: &str) -> Response {
    let mut request = Client::new()
        .post(format!("{}/actions", monitor.url))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_needs_the_token_and_reports_its_result() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = &stage.live;
    let refused = act(&monitor, &[], &format!("action=pin&version={live}&token=x")).await;
    assert_eq!(refused.status(), 401);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("Refused: the token is not") && page.contains("<h1>"),
        "{page}"
    );
    assert!(!monitor.page().await.contains("live, pinned"));

    let token = TOKEN.replace(' ', "+");
    let text = [("Accept", "text/plain")];
    let form = format!("action=pin&version={live}&token={token}");
    let done = act(&monitor, &text, &form).await;
    assert_eq!(done.status(), 200);
    let message = done.text().await.unwrap();
    assert_eq!(message, format!("Model {live} is live and pinned."));
    let page = monitor.page().await;
    assert!(page.contains("live, pinned"), "shown at once");
    assert!(!page.contains(TOKEN));

    // Unpinning needs no version, and ignores the one that is chosen.
    let form = format!("action=unpin&version=old&token={token}");
    let done = act(&monitor, &text, &form).await.text().await.unwrap();
    assert_eq!(done, format!("Model {live} is live and not pinned."));
    assert!(!monitor.page().await.contains("live, pinned"));
    // There is nothing to train on yet.
    let train = act(&monitor, &text, &format!("action=train&token={token}")).await;
    assert_eq!(train.status(), 422);
    assert!(train.text().await.unwrap().starts_with("Failed (422): "));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_successful_actions_render_and_they_share_frames() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = &stage.live;
    let rendered = async || {
        monitor
            .metric("catchweight_monitor_rendering_seconds_count")
            .await
    };
    assert_eq!(rendered().await, 0.0, "no viewers");
    let token = TOKEN.replace(' ', "+");
    for (form, status) in [
        ("action=train".to_owned(), 401),
        (format!("action=pin&version={live}&token=x"), 401),
        (format!("action=activate&token={token}"), 400),
    ] {
        assert_eq!(act(&monitor, &[], &form).await.status(), status, "{form}");
    }
    assert_eq!(rendered().await, 0.0, "refused actions");
    let form = format!("action=activate&version={live}&token={token}");
    let began = Instant::now();
    for _ in 0..10 {
        let some = join_all((0..4).map(|_| act(&monitor, &[], &form))).await;
        assert!(some.iter().all(|answer| answer.status() == 200));
    }
    let most = began.elapsed().as_secs_f64() / 0.1 + 1.0;
    let rendered = rendered().await;
    assert!((1.0..=most).contains(&rendered), "{rendered} frames");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_cannot_act() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = &stage.live;
    let token = TOKEN.replace(' ', "+");
    let form = format!("action=pin&version={live}&token={token}");
    for header in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Origin", "http://evil.example"),
    ] {
        let answer = act(&monitor, &[header], &form).await;
        assert_eq!(answer.status(), 403, "{header:?}");
    }
    assert!(!monitor.page().await.contains("live, pinned"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_never_a_path() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let token = TOKEN.replace(' ', "+");
    let form = format!("action=activate&version=..%2F..%2Ftrain%3F&token={token}");
    let answer = act(&monitor, &[("Accept", "text/plain")], &form).await;
    assert_eq!(answer.status(), 404);
    let message = answer.text().await.unwrap();
    assert!(message.contains("there is no model version"), "{message}");
    let none = act(&monitor, &[], &format!("action=activate&token={token}")).await;
    assert_eq!(none.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_model_server_is_reported() {
    let stage = Stage::new().await;
    let mut config = stage.config();
    // Nothing listens on the discard port.
    config.model_url = "http://127.0.0.1:9".to_owned();
    let monitor = stage.monitor_with(config).await;
    let page = monitor.page().await;
    assert!(page.contains("cannot be reached"), "{page}");
    let answer = act(&monitor, &[], "action=train").await;
    assert_eq!(answer.status(), 502);
    assert!(answer.text().await.unwrap().contains("did not answer"));
}
