//! What the page's form asks of the model server.

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
async fn an_action_needs_the_model_servers_token_and_says_how_it_ended() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = stage.live_version().await;
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
    let said = done.text().await.unwrap();
    assert_eq!(said, format!("Model {live} is live and pinned."));
    let page = monitor.page().await;
    assert!(page.contains("live, pinned"), "seen at once");
    assert!(!page.contains(TOKEN));

    let form = format!("action=unpin&version={live}&token={token}");
    assert_eq!(act(&monitor, &text, &form).await.status(), 200);
    assert!(!monitor.page().await.contains("live, pinned"));
    // To unpin a version that is not live would make it live.
    let other = act(
        &monitor,
        &text,
        &format!("action=unpin&version=old&token={token}"),
    )
    .await;
    assert_eq!(other.status(), 409);
    assert!(other.text().await.unwrap().contains("old is not live"));
    // There is nothing to train on yet: the model server's own words.
    let train = act(&monitor, &text, &format!("action=train&token={token}")).await;
    assert_eq!(train.status(), 422);
    assert!(train.text().await.unwrap().starts_with("Not done (422): "));
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_render_the_page_where_they_are_done_and_many_at_once_share_a_state() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = stage.live_version().await;
    let rendered = async || {
        monitor
            .metric("catchweight_monitor_rendering_seconds_count")
            .await
    };
    assert_eq!(rendered().await, 0.0, "nobody looks");
    let token = TOKEN.replace(' ', "+");
    for (form, status) in [
        ("action=train".to_owned(), 401),
        (format!("action=pin&version={live}&token=x"), 401),
        (format!("action=activate&token={token}"), 400),
        (format!("action=unpin&version=old&token={token}"), 409),
    ] {
        assert_eq!(act(&monitor, &[], &form).await.status(), status, "{form}");
    }
    assert_eq!(rendered().await, 0.0, "what is refused renders nothing");
    let form = format!("action=activate&version={live}&token={token}");
    let began = Instant::now();
    for _ in 0..10 {
        let some = join_all((0..4).map(|_| act(&monitor, &[], &form))).await;
        assert!(some.iter().all(|answer| answer.status() == 200));
    }
    let most = began.elapsed().as_secs_f64() / 0.1 + 1.0;
    let rendered = rendered().await;
    assert!((1.0..=most).contains(&rendered), "{rendered} states");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_cannot_act() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let live = stage.live_version().await;
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
async fn a_version_is_a_name_and_never_a_path() {
    let stage = Stage::new().await;
    let monitor = stage.monitor().await;
    let token = TOKEN.replace(' ', "+");
    let form = format!("action=activate&version=..%2F..%2Ftrain%3F&token={token}");
    let answer = act(&monitor, &[("Accept", "text/plain")], &form).await;
    assert_eq!(answer.status(), 404);
    let said = answer.text().await.unwrap();
    assert!(said.contains("there is no model version"), "{said}");
    let none = act(&monitor, &[], &format!("action=activate&token={token}")).await;
    assert_eq!(none.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_server_that_is_away_is_told_on_the_page_and_of_an_action() {
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
