//! A small model server: a linear model as JSON over HTTP.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

#[derive(Deserialize)]
struct Row {
    length: f64,
    height: f64,
    species: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    weight: f64,
    model_time: &'static str,
    model_version: &'static str,
}

fn answer(row: &Row) -> Answer {
    let base = if row.species == "salmon" { 0.0 } else { 0.1 };
    Answer {
        weight: base + 0.05 * row.length + 0.01 * row.height,
        model_time: "2026-06-02 07:48:52",
        model_version: "0123456789ab",
    }
}

/// Maximum number of rows per second; 0: no limit.
type Pace = Arc<Mutex<u64>>;

/// Serves on a free port, prints its address, and never returns.
pub fn serve(rows_per_second: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}", listener.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        let router = Router::new()
            .route("/predictions", post(many))
            .route("/prediction", get(one))
            .with_state(Pace::new(Mutex::new(rows_per_second)));
        axum::serve(listener, router).await.unwrap();
    });
}

async fn many(State(pace): State<Pace>, Json(rows): Json<Vec<Row>>) -> Json<Vec<Answer>> {
    // With a limit, requests run one at a time; the sleep simulates the model's work.
    let pace = pace.lock().await;
    if *pace > 0 {
        tokio::time::sleep(Duration::from_secs_f64(rows.len() as f64 / *pace as f64)).await;
    }
    drop(pace);
    Json(rows.iter().map(answer).collect())
}

async fn one(Query(row): Query<Row>) -> Json<Answer> {
    Json(answer(&row))
}
