//! A small model server whose mood the tests set.

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
pub enum Mood {
    Well,
    /// Does not listen: connections are refused.
    Gone,
    /// Answers everything with this status.
    Status(u16),
    /// As `Status(429)`, with `Retry-After: 1`.
    Busy,
    /// Takes requests and never answers.
    Hangs,
    /// Promises a longer body than it sends.
    BreaksOff,
    /// Refuses requests of more rows than this with 413.
    AtMost(usize),
    /// Refuses rows of this length and more, each in its place.
    #[cfg_attr(
        not(feature = "kafka-tests"),
        expect(dead_code, reason = "for the campaign")
    )]
    RefusesFrom(f64),
}

#[derive(Clone)]
pub struct Model {
    pub url: String,
    address: SocketAddr,
    server: Arc<Mutex<Option<JoinHandle<()>>>>,
    mood: Arc<Mutex<Mood>>,
    requests: Arc<AtomicUsize>,
    largest: Arc<AtomicUsize>,
}

impl Model {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let model = Self {
            address: listener.local_addr().unwrap(),
            url: format!("http://{}", listener.local_addr().unwrap()),
            mood: Arc::new(Mutex::new(Mood::Well)),
            server: Arc::default(),
            requests: Arc::default(),
            largest: Arc::default(),
        };
        model.listen(listener);
        model
    }

    fn listen(&self, listener: TcpListener) {
        let router = Router::new()
            .route("/predictions", post(many))
            .route("/prediction", get(one))
            .with_state(self.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        *self.server.lock().unwrap() = Some(server);
    }

    pub async fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
        let server = self.server.lock().unwrap().take();
        match (server, mood) {
            (Some(server), Mood::Gone) => {
                server.abort();
                // Ended, it no longer listens.
                let _ = server.await;
            }
            (None, mood) if mood != Mood::Gone => {
                self.listen(TcpListener::bind(self.address).await.unwrap());
            }
            (server, _) => *self.server.lock().unwrap() = server,
        }
    }

    /// How many requests came so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// The most rows that were answered in one request.
    pub fn largest(&self) -> usize {
        self.largest.load(Ordering::Relaxed)
    }

    /// The weight is a tenth of the length, so that a test can tell whose answer it is.
    fn predict(&self, row: &Value) -> Value {
        let number = |name: &str| row[name].as_f64().filter(|number| *number > 0.0);
        let most = match *self.mood.lock().unwrap() {
            Mood::RefusesFrom(length) => length,
            _ => f64::INFINITY,
        };
        match (number("length"), number("height"), row["species"].as_str()) {
            (Some(length), Some(_), Some(_)) if length < most => json!({
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

    /// An answer that is not a prediction, as the mood has it.
    async fn trouble(&self, rows: usize) -> Option<Response> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Well => None,
            Mood::Status(status) => Some(StatusCode::from_u16(status).unwrap().into_response()),
            Mood::Busy => {
                let wait = [("retry-after", "1")];
                Some((StatusCode::TOO_MANY_REQUESTS, wait).into_response())
            }
            Mood::Hangs => {
                std::future::pending::<()>().await;
                None
            }
            // Connections that are still open.
            Mood::Gone | Mood::BreaksOff => {
                let chunks = [Ok("[{\"Weight\""), Err(std::io::Error::other("gone"))];
                let body = axum::body::Body::from_stream(futures::stream::iter(chunks));
                Some(body.into_response())
            }
            Mood::AtMost(most) if rows > most => {
                Some(StatusCode::PAYLOAD_TOO_LARGE.into_response())
            }
            Mood::AtMost(_) | Mood::RefusesFrom(_) => None,
        }
    }
}

async fn many(State(model): State<Model>, Json(rows): Json<Vec<Value>>) -> Response {
    if let Some(trouble) = model.trouble(rows.len()).await {
        return trouble;
    }
    model.largest.fetch_max(rows.len(), Ordering::Relaxed);
    let answers: Vec<Value> = rows.iter().map(|row| model.predict(row)).collect();
    Json(answers).into_response()
}

async fn one(State(model): State<Model>, Query(row): Query<Value>) -> Response {
    if let Some(trouble) = model.trouble(1).await {
        return trouble;
    }
    let number = |name: &str| row[name].as_str().and_then(|text| text.parse::<f64>().ok());
    let row = json!({ "length": number("length"), "height": number("height"), "species": row["species"] });
    let answer = model.predict(&row);
    match answer.get("error") {
        Some(problem) => (
            StatusCode::BAD_REQUEST,
            [("content-type", "application/problem+json")],
            problem.to_string(),
        )
            .into_response(),
        None if row["species"] == "unknown" => Json(json!({ "Weight": "NA" })).into_response(),
        None => Json(answer).into_response(),
    }
}
