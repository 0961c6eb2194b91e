//! `GET /status`: the status of commands.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::endpoints::accept::AcceptsJson;
use crate::error::{ApiError, NOT_FOUND};
use crate::state::Shared;

pub(super) async fn all(_: AcceptsJson, State(state): State<Shared>) -> Json<Value> {
    let statuses = state.commands().all(&state.runtime.registry());
    Json(json!({"commandStatuses": statuses}))
}

pub(super) async fn one(
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
