//! Information about the server.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::endpoints::accept::AcceptsJson;
use crate::error::ApiError;
use crate::properties::prohibited;
use crate::state::Shared;

/// The ksqlDB version that clients see.
const VERSION: &str = "8.2.2";
const SERVICE_ID: &str = "default_";

pub(super) async fn root() -> Response {
    (
        StatusCode::TEMPORARY_REDIRECT,
        [(header::LOCATION, "/info")],
    )
        .into_response()
}

pub(super) async fn info(_: AcceptsJson, State(state): State<Shared>) -> Json<Value> {
    Json(json!({
        "KsqlServerInfo": {
            "version": VERSION,
            "kafkaClusterId": state.cluster_id,
            "ksqlServiceId": SERVICE_ID,
            "serverStatus": "RUNNING",
        },
    }))
}

/// Whether the broker answers and the queries run. As in ksqlDB, the status is always 200. The field
/// `queries`, which ksqlDB does not have, is present only if a query has a fault.
pub(super) async fn healthcheck(_: AcceptsJson, State(state): State<Shared>) -> Json<Value> {
    let kafka = state.topics.list().await;
    if let Err(error) = &kafka {
        tracing::warn!(%error, "the broker does not answer");
    }
    let mut details = json!({
        "metastore": {"isHealthy": true},
        "kafka": {"isHealthy": kafka.is_ok()},
        "commandRunner": {"isHealthy": true},
    });
    let faults = faults(&state);
    if !faults.is_empty() {
        details["queries"] = json!({"isHealthy": false, "faults": faults});
    }
    Json(json!({
        "isHealthy": kafka.is_ok() && faults.is_empty(),
        "details": details,
        "serverState": "READY",
    }))
}

/// Failed queries, and topics without their query.
fn faults(state: &Shared) -> Vec<String> {
    let mut failed: Vec<String> = state
        .runtime
        .failed_queries()
        .into_iter()
        .map(|(query, reason)| format!("{query} has failed: {reason}"))
        .collect();
    failed.sort();
    let abandoned = state.runtime.abandoned().into_iter();
    failed.extend(abandoned.map(|topic| {
        format!("no query writes topic '{topic}' any more: its query was terminated or dropped")
    }));
    failed
}

/// Always 404: only clusters with heartbeats have a status.
pub(super) async fn cluster_status(_: AcceptsJson) -> Response {
    (
        StatusCode::NOT_FOUND,
        [(header::CONTENT_TYPE, "application/json")],
    )
        .into_response()
}

fn cluster(state: &Shared) -> Value {
    json!({
        "scope": {
            "path": [],
            "clusters": {"kafka-cluster": state.cluster_id, "ksql-cluster": SERVICE_ID},
        },
        "id": "",
    })
}

pub(super) async fn metadata(_: AcceptsJson, State(state): State<Shared>) -> Json<Value> {
    Json(json!({"version": VERSION, "clusterId": cluster(&state)}))
}

pub(super) async fn metadata_id(_: AcceptsJson, State(state): State<Shared>) -> Json<Value> {
    Json(cluster(&state))
}

/// As in ksqlDB, an unknown name is valid here and refused only when it is used.
pub(super) async fn is_valid_property(
    _: AcceptsJson,
    Path(name): Path<String>,
) -> Result<Json<bool>, ApiError> {
    match prohibited(&name) {
        Some(error) => Err(error),
        None => Ok(Json(true)),
    }
}
