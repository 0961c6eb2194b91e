//! The login of the page.

use monitor::Config;
use reqwest::header::{LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use crate::support::{Served, Stage};

const PAGE_TOKEN: &str = "open sesame";

async fn log_in(monitor: &Served, token: &str, headers: &[(&str, &str)]) -> Response {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    let mut request = client
        .post(format!("{}/login", monitor.url))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("token={}", token.replace(' ', "+")));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_needs_a_login_if_it_has_a_token() {
    let stage = Stage::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page-token");
    std::fs::write(&file, format!("{PAGE_TOKEN}\n")).unwrap();
    let config = Config {
        page_token_file: Some(file),
        ..stage.config()
    };
    let monitor = stage.monitor_with(config).await;

    let refused = monitor.get("/").await;
    assert_eq!(refused.status(), 401);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("Log in") && !page.contains(&stage.live),
        "{page}"
    );
    for path in ["/events", "/page.js", "/metrics"] {
        assert_eq!(monitor.get(path).await.status(), 401, "{path}");
    }
    for path in ["/page.css", "/icon.svg", "/healthz", "/readyz"] {
        assert_eq!(monitor.get(path).await.status(), 200, "{path}");
    }

    let wrong = log_in(&monitor, "sesame", &[]).await;
    assert_eq!(wrong.status(), 401);
    assert!(wrong.headers().get(SET_COOKIE).is_none());
    let foreign = [("Origin", "https://another.example")];
    assert_eq!(log_in(&monitor, PAGE_TOKEN, &foreign).await.status(), 403);

    let done = log_in(&monitor, PAGE_TOKEN, &[]).await;
    assert_eq!(done.status(), 303);
    assert_eq!(done.headers()[LOCATION], "./");
    let cookie = done.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    for attribute in [
        "HttpOnly",
        "Secure",
        "SameSite=Strict",
        "Path=/",
        "Max-Age=",
    ] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let session = cookie.split(';').next().unwrap();
    let get = |path: &str, name: &'static str, value: String| {
        let request = Client::new().get(format!("{}{path}", monitor.url));
        request.header(name, value).send()
    };
    let page = get("/", "Cookie", format!("a=b; {session}")).await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(!page.text().await.unwrap().contains(PAGE_TOKEN));
    let forged = get("/", "Cookie", format!("{session}0")).await.unwrap();
    assert_eq!(forged.status(), 401);
    let bearer = format!("Bearer {PAGE_TOKEN}");
    let metrics = get("/metrics", "Authorization", bearer).await.unwrap();
    assert_eq!(metrics.status(), 200);
}
