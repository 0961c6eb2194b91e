//! `POST /close-query`: ends an open query.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;

use crate::error::{ApiError, BAD_REQUEST};
use crate::request::{CloseQueryRequest, read};
use crate::state::Shared;

pub(super) async fn post(
    State(state): State<Shared>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    let request: CloseQueryRequest = read(body)?;
    if state.open.close(&request.query_id) {
        return Ok(StatusCode::OK);
    }
    let message = format!("No query with id {}", request.query_id);
    Err(ApiError::request(BAD_REQUEST, message))
}
