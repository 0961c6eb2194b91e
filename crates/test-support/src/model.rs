//! A small model server whose behavior a test sets.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How the model behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Behavior {
    /// Predicts.
    Normal,
    /// Does not listen: connections are refused.
    Unreachable,
    /// Responds to everything with this status.
    Status(u16),
    /// Responds with 429 and `Retry-After: 1`.
    Busy,
    /// Accepts requests and never responds.
    Hangs,
    /// Breaks the connection in the middle of a body.
    Truncates,
    /// Responds with 413 to requests with more rows than this.
    MaxRows(usize),
    /// Rejects each row with at least this length, and predicts the other rows.
    RejectsLengthFrom(f64),
    /// Rejects requests that contain a row with at least this length, with 422 and `application/json`, as
    /// FastAPI does.
    RefusesLengthFrom(f64),
    /// Answers each row with this JSON text.
    Answers(&'static str),
    /// Sends a body that does not end.
    Endless,
}

/// The server. It predicts a tenth of the length, so that a test can match results to records.
#[derive(Clone, Debug)]
pub struct FakeModel {
    /// Its address, such as `http://127.0.0.1:4711`.
    pub url: String,
    address: SocketAddr,
    server: Arc<Mutex<Option<JoinHandle<()>>>>,
    behavior: Arc<Mutex<Behavior>>,
    requests: Arc<AtomicUsize>,
    largest_request: Arc<AtomicUsize>,
    last_rows: Arc<Mutex<Vec<Value>>>,
}

impl FakeModel {
    /// Starts a server on a free port, with normal behavior.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let model = Self {
            address: listener.local_addr().unwrap(),
            url: format!("http://{}", listener.local_addr().unwrap()),
            behavior: Arc::new(Mutex::new(Behavior::Normal)),
            server: Arc::default(),
            requests: Arc::default(),
            largest_request: Arc::default(),
            last_rows: Arc::default(),
        };
        model.listen(listener);
        model
    }

    fn listen(&self, listener: TcpListener) {
        let router = Router::new()
            .route("/predictions", post(predict_many))
            .route("/prediction", get(predict_one))
            .with_state(self.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        *self.server.lock().unwrap() = Some(server);
    }

    /// Changes the behavior.
    pub async fn set(&self, behavior: Behavior) {
        *self.behavior.lock().unwrap() = behavior;
        let server = self.server.lock().unwrap().take();
        match (server, behavior) {
            (Some(server), Behavior::Unreachable) => {
                server.abort();
                // The port is free once the task has ended.
                let _ = server.await;
            }
            (None, behavior) if behavior != Behavior::Unreachable => {
                self.listen(TcpListener::bind(self.address).await.unwrap());
            }
            (server, _) => *self.server.lock().unwrap() = server,
        }
    }

    /// The number of requests so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// The largest number of rows in an answered request.
    pub fn largest_request(&self) -> usize {
        self.largest_request.load(Ordering::Relaxed)
    }

    /// The rows of the last request, with all their parameters.
    pub fn last_rows(&self) -> Vec<Value> {
        self.last_rows.lock().unwrap().clone()
    }

    fn predict(&self, row: &Value) -> Value {
        if let Behavior::Answers(answer) = *self.behavior.lock().unwrap() {
            return serde_json::from_str(answer).unwrap();
        }
        let number = |name: &str| row[name].as_f64().filter(|number| *number > 0.0);
        let limit = match *self.behavior.lock().unwrap() {
            Behavior::RejectsLengthFrom(length) => length,
            _ => f64::INFINITY,
        };
        match (number("length"), number("height"), row["species"].as_str()) {
            (Some(length), Some(_), Some(_)) if length < limit => json!({
                "Weight": length / 10.0,
                "ModelTime": "2021-06-02 07:48:52",
                "ModelVersion": "v1",
            }),
            _ => json!({ "error": {
                "title": "Bad input", "status": 400,
                "errors": [{ "field": "length", "reason": "must be a positive number" }],
            }}),
        }
    }

    /// The response to a request of some rows, unless it is a prediction.
    async fn failure(&self, rows: &[Value]) -> Option<Response> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        rows.clone_into(&mut self.last_rows.lock().unwrap());
        let behavior = *self.behavior.lock().unwrap();
        match behavior {
            Behavior::Status(status) => Some(StatusCode::from_u16(status).unwrap().into_response()),
            Behavior::Busy => {
                let wait = [("retry-after", "1")];
                Some((StatusCode::TOO_MANY_REQUESTS, wait).into_response())
            }
            Behavior::Hangs => std::future::pending().await,
            // `Unreachable` gets here if a connection was opened earlier.
            Behavior::Unreachable | Behavior::Truncates => {
                let chunks = [Ok("[{\"Weight\""), Err(std::io::Error::other("truncated"))];
                let body = axum::body::Body::from_stream(futures::stream::iter(chunks));
                Some(body.into_response())
            }
            Behavior::Endless => {
                let chunks = std::iter::repeat_with(|| Ok::<_, std::io::Error>("[".repeat(8_192)));
                let body = axum::body::Body::from_stream(futures::stream::iter(chunks));
                Some(body.into_response())
            }
            Behavior::MaxRows(most) if rows.len() > most => {
                Some(StatusCode::PAYLOAD_TOO_LARGE.into_response())
            }
            Behavior::RefusesLengthFrom(length)
                if rows.iter().any(|row| number(row, "length") >= Some(length)) =>
            {
                let detail = json!({ "detail": [{ "loc": ["length"], "msg": "too long" }] });
                Some((StatusCode::UNPROCESSABLE_ENTITY, Json(detail)).into_response())
            }
            Behavior::Normal
            | Behavior::MaxRows(_)
            | Behavior::RejectsLengthFrom(_)
            | Behavior::RefusesLengthFrom(_)
            | Behavior::Answers(_) => None,
        }
    }
}

async fn predict_many(State(model): State<FakeModel>, Json(rows): Json<Vec<Value>>) -> Response {
    if let Some(failure) = model.failure(&rows).await {
        return failure;
    }
    let largest = &model.largest_request;
    largest.fetch_max(rows.len(), Ordering::Relaxed);
    let predictions: Vec<Value> = rows.iter().map(|row| model.predict(row)).collect();
    Json(predictions).into_response()
}

async fn predict_one(State(model): State<FakeModel>, Query(row): Query<Value>) -> Response {
    if let Some(failure) = model.failure(std::slice::from_ref(&row)).await {
        return failure;
    }
    let numbers = json!({
        "length": number(&row, "length"), "height": number(&row, "height"), "species": row["species"],
    });
    let prediction = model.predict(&numbers);
    match prediction.get("error") {
        Some(problem) => {
            let json = [("content-type", "application/problem+json")];
            (StatusCode::BAD_REQUEST, json, problem.to_string()).into_response()
        }
        // R's API responds like this.
        None if row["species"] == "unknown" => Json(json!({ "Weight": "NA" })).into_response(),
        None => Json(prediction).into_response(),
    }
}

/// A number of a row, as JSON or as text.
fn number(row: &Value, name: &str) -> Option<f64> {
    let value = &row[name];
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// A measurement with the fields that the predictor needs and one that it ignores.
pub fn measurement(id: &str, length: f64) -> String {
    format!(
        r#"{{"Fish_Id":"{id}","Species":"salmon","Length":{length:.2},"Height":18.740,"More":[1,{{}}]}}"#
    )
}
