//! `POST /ksql`: statements.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use serde_json::Value;

use crate::endpoints::accept::AcceptsJson;
use crate::error::{ApiError, SERVER_ERROR};
use crate::properties::Properties;
use crate::request::{KsqlRequest, read};
use crate::state::Shared;
use crate::statements;

pub(super) async fn post(
    _: AcceptsJson,
    State(state): State<Shared>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, ApiError> {
    let request: KsqlRequest = read(body)?;
    let text = request.ksql.unwrap_or_default();
    let properties = Properties::of_request(request.properties, &text)?;
    // In its own task: a client that disconnects must not interrupt its statements.
    let task = tokio::spawn(async move { statements::run(&state, &text, properties).await });
    match task.await {
        Ok(entities) => Ok(Json(Value::Array(entities?))),
        Err(_) => Err(ApiError::request(
            SERVER_ERROR,
            "the statements were interrupted",
        )),
    }
}
