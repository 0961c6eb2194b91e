//! The service around the model: token, documentation, health, shutdown.

use std::collections::HashMap;
use std::io::Read;

use model_server::{Config, ModelServer, Secret};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{
    Server, TestStore, config, fish, problem, send, text, until, with_token, within,
};

#[tokio::test]
async fn a_token_is_required_for_training_and_activation_only() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), with_token("open sesame")).await;
    let first = server.live().await;
    server.store_fish(&fish("salmon", 1, 60, &first)).await;
    let activate = format!("/models/{first}/activate");
    for path in ["/train", &activate] {
        for wrong in [
            "",
            "Bearer",
            "Bearer open",
            "Bearer open sesame!",
            "Basic open sesame",
        ] {
            let request = server.post(path).header("authorization", wrong);
            problem(request, 401).await;
        }
        let denied = send(server.post(path)).await;
        assert_eq!(denied.headers()["www-authenticate"], "Bearer");
        let allowed = server
            .post(path)
            .header("authorization", "Bearer open sesame");
        assert_eq!(send(allowed).await.status(), 200);
    }
    server.stop().await;
}

#[tokio::test]
async fn without_a_token_a_page_of_another_site_is_rejected() {
    let (server, _dir) = Server::start().await;
    let live = server.live().await;
    let activate = format!("/models/{live}/activate?pin=true");
    for path in ["/train?force=true", &activate] {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("origin", "http://evil.example"),
        ] {
            let rejected = problem(server.post(path).header(name, value), 403).await;
            assert_eq!(rejected["type"], "urn:catchweight:problem:foreign-page");
        }
    }
    assert_eq!(server.json("/models/live").await["Pinned"], false);
    let own = server.post(&activate).header("origin", &server.url);
    assert_eq!(send(own).await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn without_exactly_one_host_training_is_a_400() {
    let (server, _dir) = Server::start().await;
    for hosts in ["", "host: a\r\nhost: b\r\n"] {
        let address = server.url.trim_start_matches("http://");
        let mut connection = TcpStream::connect(address).await.unwrap();
        let head = format!("POST /train HTTP/1.1\r\n{hosts}content-length: 0\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        within(connection.read_exact(&mut status)).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 400");
    }
    server.stop().await;
}

#[tokio::test]
async fn accept_and_format_select_the_representation() {
    let (server, _dir) = Server::start().await;
    let version = format!("/models/{}", server.live().await);
    for path in ["/models/live", &version] {
        for (query, accept, expected) in [
            ("", "*/*", "application/json"),
            ("", "application/json, text/plain, */*", "application/json"),
            ("", "text/plain", "text/plain; charset=utf-8"),
            ("?format=text", "*/*", "text/plain; charset=utf-8"),
            ("?format=json", "text/plain", "application/json"),
        ] {
            let request = server.get(&format!("{path}{query}"));
            let answer = send(request.header("accept", accept)).await;
            let kind = &answer.headers()["content-type"];
            assert_eq!(kind, expected, "{path}{query} {accept}");
        }
        problem(server.get(&format!("{path}?format=xml")), 400).await;
    }
    for (accept, expected) in [
        ("*/*", "application/openmetrics-text; version=1.0.0"),
        ("text/plain", "text/plain; version=0.0.4"),
    ] {
        let answer = send(server.get("/metrics").header("accept", accept)).await;
        let kind = answer.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with(expected), "{kind}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_token_may_be_in_a_file_but_not_in_two_places() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "from file\n").unwrap();
    let from_file = Config {
        train_token_file: Some(file.clone()),
        ..config()
    };
    let token = from_file.token().unwrap();
    assert!(token.is_some_and(|token| token.matches(b"from file")));
    assert!(config().token().unwrap().is_none());
    assert!(
        Config {
            train_token: Secret("x".into()),
            ..from_file.clone()
        }
        .token()
        .is_err()
    );
    std::fs::write(&file, "\n").unwrap();
    assert!(from_file.token().is_err());
}

#[tokio::test]
async fn the_calls_are_in_the_openapi_document_and_on_its_page() {
    let (server, _dir) = Server::start().await;
    let document = server.json("/openapi.json").await;
    assert!(text(&document["openapi"]).starts_with("3.1"));
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    for path in [
        "/prediction",
        "/predictions",
        "/train",
        "/models",
        "/models/live",
        "/models/{version}",
        "/models/{version}/rows",
        "/models/{version}/activate",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        assert!(
            paths.iter().any(|one| *one == path),
            "{path} is not in {paths:?}"
        );
    }
    let page = send(server.get("/__docs__/")).await;
    assert_eq!(page.status(), 200);
    let page = unzipped(page).await;
    assert!(page.contains("swagger-ui-bundle.js"), "{page}");
    let script = send(server.get("/__docs__/swagger-ui-bundle.js")).await;
    assert_eq!(script.status(), 200);
    assert!(unzipped(script).await.contains("SwaggerUIBundle"));
    let settings = send(server.get("/__docs__/swagger-initializer.js"))
        .await
        .text()
        .await
        .unwrap();
    assert!(settings.contains("/openapi.json"), "{settings}");
    for text in [page, settings] {
        assert!(
            !text.contains("https://") && !text.contains("//unpkg"),
            "the page loads from another host: {text}"
        );
    }
    server.stop().await;
}

/// The text of a compressed response. The page's files are compressed in the binary.
async fn unzipped(answer: reqwest::Response) -> String {
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let bytes = answer.bytes().await.unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[tokio::test]
async fn a_wrong_method_is_a_405_that_names_the_allowed_ones() {
    let (server, _dir) = Server::start().await;
    let document = server.json("/openapi.json").await;
    let mut counted = HashMap::new();
    let route = |path: &'_ String| match path.as_str() {
        "/healthz" | "/readyz" | "/metrics" => "operations".to_owned(),
        path => path.to_owned(),
    };
    for (path, calls) in document["paths"].as_object().unwrap() {
        let methods: Vec<_> = calls.as_object().unwrap().keys().collect();
        let [method] = methods[..] else {
            panic!("{path} supports {methods:?}, expected one method")
        };
        let expected = if method == "get" { "GET,HEAD" } else { "POST" };
        let delete = server.client.delete(format!("{}{path}", server.url));
        let answer = send(delete.try_clone().unwrap()).await;
        assert_eq!(answer.headers()["allow"], expected, "{path}");
        let body = problem(delete, 405).await;
        assert_eq!(body["type"], "urn:catchweight:problem:method-not-allowed");
        *counted.entry(route(path)).or_insert(0) += 2;
    }
    problem(server.post("/openapi.json"), 405).await;
    counted.insert("documentation".to_owned(), 1);
    for (route, count) in counted {
        let line =
            format!(r#"catchweight_http_requests_total{{route="{route}",status="405"}} {count}"#);
        assert!(server.metric(&line).await, "{line}");
    }
    server.stop().await;
}

#[tokio::test]
async fn answers_match_the_openapi_document() {
    let (server, _dir) = Server::start().await;
    let document = server.json("/openapi.json").await;
    let answer = server.predict(86.37, 18.74, "salmon").await;
    let schema = &document["components"]["schemas"]["Answer"];
    let documented: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
    let answered: Vec<_> = answer.as_object().unwrap().keys().collect();
    assert_eq!(answered, documented);
    assert_eq!(
        schema["required"].as_array().unwrap().len(),
        documented.len()
    );
    server.stop().await;
}

#[tokio::test]
async fn health_and_metrics_report_the_live_version() {
    let (server, _dir) = Server::start().await;
    assert_eq!(send(server.get("/healthz")).await.status(), 200);
    assert_eq!(send(server.get("/readyz")).await.status(), 200);
    let live = server.live().await;
    server.predict(86.37, 18.74, "salmon").await;
    assert!(
        server
            .metric(&format!(
                r#"catchweight_model_live_info{{version="{live}"}} 1"#
            ))
            .await
    );
    assert!(server.metric("catchweight_model_live_rows 100").await);
    let counted = r#"catchweight_http_requests_total{route="/prediction",status="200"} 1"#;
    assert!(server.metric(counted).await);
    let timed = r#"catchweight_http_request_duration_seconds_count{route="/prediction"} 1"#;
    assert!(server.metric(timed).await);
    let metrics = send(server.get("/metrics")).await.text().await.unwrap();
    let age = metrics
        .lines()
        .find_map(|line| line.strip_prefix("catchweight_model_live_age_seconds "));
    let age: f64 = age.unwrap().parse().unwrap();
    assert!((0.0..60.0).contains(&age), "{age}");
    // Each series exists before its first event, so that `increase()` counts that event.
    for outcome in [
        "activated",
        "rejected",
        "unchanged",
        "superseded",
        "pinned",
        "row_not_stored",
        "not_trainable",
        "store_failed",
        "busy",
        "broken",
    ] {
        let line = format!(r#"catchweight_trainings_total{{outcome="{outcome}"}} 0"#);
        assert!(server.metric(&line).await, "{line}");
    }
    for status in [500, 503] {
        let labels = format!(r#"{{route="/prediction",status="{status}"}}"#);
        let line = format!("catchweight_http_requests_total{labels} 0");
        assert!(server.metric(&line).await, "{line}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_shutdown_finishes_a_running_training() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(
        dir.path(),
        Config {
            row_wait_ms: 20_000,
            ..config()
        },
    )
    .await;
    let first = server.live().await;
    server.store_fish(&fish("salmon", 1, 60, &first)).await;
    server.store_fish(&fish("walleye", 61, 79, &first)).await;
    let body = crate::harness::trigger(&first, 80).to_string();
    let training = tokio::spawn(server.post("/train").body(body).send());
    until(|| server.metric("catchweight_training_calls_total 1")).await;
    let store = server.store.clone();
    let stopping = tokio::spawn(server.stop());
    store.fill(&fish("walleye", 80, 80, &first)).await;
    let report: Value = within(training)
        .await
        .unwrap()
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(report["Outcome"], "activated");
    within(stopping).await.unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_a_usage_error_that_names_it() {
    let (server, dir) = Server::start().await;
    let listen = server.url.trim_start_matches("http://").parse().unwrap();
    let store = format!("sqlite:{}", dir.path().join("other.sqlite").display());
    let config = Config {
        listen,
        store: store.parse().unwrap(),
        ..config()
    };
    let error = ModelServer::bind(config).await.unwrap_err();
    let usage = error
        .downcast_ref::<service_runtime::UsageError>()
        .expect("a usage error");
    assert!(usage.0.contains(&listen.to_string()), "{usage}");
    server.stop().await;
}

#[tokio::test]
async fn training_accepts_any_body_up_to_a_size() {
    let (server, _dir) = Server::start().await;
    server.store_fish(&fish("salmon", 1, 60, "x")).await;
    for body in ["", "train!", "[]", "{\"Fish\": \"many\"}", "\u{0}\u{ff}"] {
        let response = send(server.post("/train?force=true").body(body)).await;
        assert_eq!(response.status(), 200, "{body}");
    }
    problem(server.post("/train").body("x".repeat(64 * 1024 + 1)), 413).await;
    problem(
        server.post("/train?rows=0").body(json!({}).to_string()),
        400,
    )
    .await;
    problem(server.post("/train?force=perhaps"), 400).await;
    problem(server.post("/train?row=30"), 400).await;
    server.stop().await;
}

#[tokio::test]
async fn a_ninth_batch_waits_before_its_body_is_read() {
    let (server, _dir) = Server::start().await;
    let mut unfinished = Vec::new();
    for _ in 0..8 {
        let address = server.url.trim_start_matches("http://");
        let mut connection = TcpStream::connect(address).await.unwrap();
        let head = b"POST /predictions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n[";
        connection.write_all(head).await.unwrap();
        unfinished.push(connection);
    }
    until(|| server.metric("catchweight_http_requests_in_flight 8")).await;
    let waiting = tokio::spawn(server.post("/predictions").body("[]").send());
    until(|| server.metric("catchweight_http_requests_in_flight 9")).await;
    server.predict(86.37, 18.74, "salmon").await;
    assert!(
        !waiting.is_finished(),
        "the batch waits although single predictions are answered"
    );
    drop(unfinished);
    let answer = within(waiting).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn a_batch_whose_body_does_not_arrive_is_a_408() {
    let (server, _dir) = Server::start().await;
    let address = server.url.trim_start_matches("http://");
    let mut half = TcpStream::connect(address).await.unwrap();
    let head = b"POST /predictions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n[";
    half.write_all(head).await.unwrap();
    let mut answer = String::new();
    within(half.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(
        answer.contains("urn:catchweight:problem:body-timeout"),
        "{answer}"
    );
    server.stop().await;
}

#[tokio::test]
async fn with_a_read_token_only_health_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("read-token");
    std::fs::write(&file, "reader\n").unwrap();
    let config = Config {
        read_token_file: Some(file.clone()),
        ..with_token("trainer")
    };
    let server = Server::start_in(dir.path(), config).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(send(server.get(path)).await.status(), 200, "{path}");
    }
    for path in ["/models/live", "/metrics", "/__docs__/", "/no/such/path"] {
        let body = problem(server.get(path), 401).await;
        assert!(body["detail"].as_str().unwrap().contains("read token"));
        let with = |token| send(server.get(path).bearer_auth(token));
        assert_eq!(with("wrong").await.status(), 401, "{path}");
        for token in ["reader", "trainer"] {
            assert_ne!(with(token).await.status(), 401, "{path}");
        }
    }
    // Reading is not training.
    problem(server.post("/train").bearer_auth("reader"), 401).await;

    std::fs::write(&file, "another reader").unwrap();
    let live = |token| send(server.get("/models/live").bearer_auth(token));
    let replaced = async {
        while live("another reader").await.status() == 401 {
            tokio::task::yield_now().await;
        }
    };
    within(replaced).await;
    assert_eq!(live("reader").await.status(), 401);
    server.stop().await;
}
