//! `POST /ksql` and `GET /status`: statements and the status of their commands.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::endpoints::accept::AcceptsJson;
use crate::error::{ApiError, NOT_FOUND, SERVER_ERROR};
use crate::properties::Properties;
use crate::request::{KsqlRequest, read};
use crate::state::Shared;
use crate::statements;
use crate::token::Authorized;

/// Executes statements.
pub(super) async fn post(
    _: AcceptsJson,
    State(state): State<Shared>,
    authorized: Authorized,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, ApiError> {
    let request: KsqlRequest = read(body)?;
    let text = request.ksql.unwrap_or_default();
    let properties = Properties::of_request(request.properties, &text)?;
    // In its own task: a client that disconnects must not interrupt its statements.
    let task =
        tokio::spawn(async move { statements::run(&state, &text, properties, authorized).await });
    match task.await {
        Ok(entities) => Ok(Json(Value::Array(entities?))),
        Err(_) => Err(ApiError::request(
            SERVER_ERROR,
            "the statements were interrupted",
        )),
    }
}

/// The statuses of all commands.
pub(super) async fn all_statuses(_: AcceptsJson, State(state): State<Shared>) -> Json<Value> {
    let statuses = state.commands().all(&state.runtime.registry());
    Json(json!({"commandStatuses": statuses}))
}

/// The status of a command.
pub(super) async fn status(
    _: AcceptsJson,
    State(state): State<Shared>,
    Path((kind, name, action)): Path<(String, String, String)>,
) -> Result<Json<Value>, ApiError> {
    let id = format!("{kind}/{name}/{action}");
    let status = state.commands().status(&id, &state.runtime.registry());
    status
        .map(Json)
        .ok_or_else(|| ApiError::request(NOT_FOUND, "Command not found"))
}
