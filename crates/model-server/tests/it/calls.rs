//! `GET /prediction` and `POST /predictions`, with valid and invalid input.

use pipeline::EventTime;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Server, problem, send, text, within};

#[tokio::test]
async fn a_prediction_has_weight_interval_time_and_version() {
    let (server, _dir) = Server::start().await;
    let answer = server.predict(86.37, 18.74, "salmon").await;
    let live = server.json("/models/live").await;
    assert_eq!(answer["ModelVersion"], live["ModelVersion"]);
    assert_eq!(answer["ModelTime"], live["ModelTime"]);
    // `ModelTime` is the wall-clock time of the training, in UTC.
    let time = text(&answer["ModelTime"]).replace(' ', "T");
    assert_eq!(time.len(), "2021-06-02T07:48:52".len());
    let trained: EventTime = format!("{time}.000Z").parse().unwrap();
    let age = EventTime::now().as_millis() - trained.as_millis();
    assert!((0..60_000).contains(&age), "{time}");
    assert_eq!(answer["UnseenSpecies"], false);
    let [lower, weight, upper] =
        ["Lower95", "Weight", "Upper95"].map(|field| answer[field].as_f64().unwrap());
    assert!(
        lower < weight && weight < upper && (4.0..5.0).contains(&weight),
        "{answer}"
    );
    server.stop().await;
}

#[tokio::test]
async fn an_unseen_species_is_predicted_by_the_pooled_fit() {
    let (server, _dir) = Server::start().await;
    let answer = server.predict(86.37, 18.74, "char").await;
    assert_eq!(answer["UnseenSpecies"], true);
    assert_eq!(
        answer["Weight"],
        server.predict(86.37, 18.74, "salmon").await["Weight"]
    );
    assert!(
        server
            .metric("catchweight_unseen_species_answers_total 1")
            .await
    );
    server.stop().await;
}

#[tokio::test]
async fn bad_input_is_a_400_that_names_every_wrong_field() {
    let (server, _dir) = Server::start().await;
    let problem = problem(server.get("/prediction?length=NaN&height=-3&species="), 400).await;
    assert_eq!(problem["type"], "urn:catchweight:problem:invalid-input");
    assert_eq!(
        problem["errors"],
        json!([
            {"field": "length", "reason": "is not a finite number"},
            {"field": "height", "reason": "must be greater than 0"},
            {"field": "species", "reason": "is empty"},
        ])
    );
    server.stop().await;
}

#[tokio::test]
async fn each_fish_of_a_batch_has_its_own_answer_or_error() {
    let (server, _dir) = Server::start().await;
    let body = json!([
        {"length": 86.37, "height": 18.74, "species": "salmon", "unknown": {"deep": [1]}},
        {"length": "86.37", "height": 0, "species": 7},
        {"height": 18.74, "species": "salmon"},
        "fish",
        {"length": 80, "height": 17, "species": "sal\u{6d}on \u{1f41f}"},
    ]);
    let response = send(server.post("/predictions").body(body.to_string())).await;
    assert_eq!(response.status(), 200);
    let answers: Vec<Value> = response.json().await.unwrap();
    assert_eq!(answers.len(), 5);
    assert_eq!(answers[0], server.predict(86.37, 18.74, "salmon").await);
    let reason =
        |row: usize, field: usize| answers[row]["error"]["errors"][field]["reason"].clone();
    assert_eq!(
        [reason(1, 0), reason(1, 1), reason(1, 2)],
        [
            "is not a number",
            "must be greater than 0",
            "is not a string"
        ]
    );
    assert_eq!(reason(2, 0), "is missing");
    assert_eq!(reason(3, 0), "is not an object");
    assert_eq!(answers[4]["UnseenSpecies"], true);
    server.stop().await;
}

#[tokio::test]
async fn a_batch_that_is_not_an_array_or_too_large_is_rejected() {
    let (server, _dir) = Server::start().await;
    let post = |body: String| server.post("/predictions").body(body);
    let too_large = r#"[{"length":1e999,"height":18.74,"species":"salmon"}]"#;
    let out_of_range = problem(post(too_large.into()), 400).await;
    let detail = text(&out_of_range["detail"]);
    assert!(
        detail.starts_with("number out of range at line 1 column"),
        "{detail}"
    );
    for broken in ["", "{}", "[{]", "[1e999]", too_large, "[1] 2"] {
        let problem = problem(post(broken.into()), 400).await;
        assert_eq!(
            problem["type"], "urn:catchweight:problem:invalid-body",
            "{broken}"
        );
    }
    let rows = |count: usize| format!("[{}]", vec!["0"; count].join(","));
    problem(post(rows(5_001)), 413).await;
    assert_eq!(send(post(rows(5_000))).await.status(), 200);
    problem(post(" ".repeat(2 * 1024 * 1024 + 1)), 413).await;
    server.stop().await;
}

#[tokio::test]
async fn a_chunked_body_that_is_too_large_is_a_413() {
    let (server, _dir) = Server::start().await;
    let address = server.url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = "POST /train HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let size = 64 * 1024 + 1;
    let body = format!("{size:x}\r\n{}\r\n", " ".repeat(size));
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(body.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    within(connection.read_exact(&mut status)).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
    server.stop().await;
}

#[tokio::test]
async fn unknown_paths_methods_and_parameters_are_problems() {
    let (server, _dir) = Server::start().await;
    problem(server.get("/predict"), 404).await;
    problem(server.post("/prediction"), 405).await;
    problem(server.get("/models/none"), 404).await;
    problem(server.post("/models/none/activate"), 404).await;
    problem(server.get("/models?limit=0"), 400).await;
    problem(server.get("/models?page=2"), 400).await;
    let path = problem(server.get("/models/%ff"), 400).await;
    assert_eq!(path["errors"][0]["field"], "version");
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        problem(server.post(path), 405).await;
    }
    let counted = r#"catchweight_http_requests_total{route="unknown",status="404"} 1"#;
    assert!(server.metric(counted).await);
    server.stop().await;
}
