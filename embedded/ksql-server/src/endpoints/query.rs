//! `POST /query`, `/query-stream` and `/close-query`.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::endpoints::accept::{AcceptsJson, accepted};
use crate::error::{ApiError, BAD_REQUEST};
use crate::properties::Properties;
use crate::query::{Encoding, answer};
use crate::request::{CloseQueryRequest, KsqlRequest, QueryStreamRequest, read};
use crate::state::Shared;
use crate::token::Authorized;

const ENCODINGS: [Encoding; 3] = [Encoding::Delimited, Encoding::Array, Encoding::V1];

/// For the CLI. The responses always have the same encoding.
pub(super) async fn query(
    _: AcceptsJson,
    State(state): State<Shared>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let request: KsqlRequest = read(body)?;
    let text = request.ksql.unwrap_or_default();
    let properties = Properties::of_request(request.properties, &text)?;
    answer(state, &text, &properties, Encoding::V1).await
}

/// For the Java client and HTTP/2.
pub(super) async fn query_stream(
    State(state): State<Shared>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let offered = ENCODINGS.map(Encoding::content_type);
    let kind = accepted(&headers, &offered);
    let encoding = ENCODINGS
        .into_iter()
        .find(|encoding| Some(encoding.content_type()) == kind);
    let Some(encoding) = encoding else {
        return Ok(StatusCode::NOT_ACCEPTABLE.into_response());
    };
    let request: QueryStreamRequest = read(body)?;
    let properties = Properties::of_request(request.properties, &request.sql)?;
    answer(state, &request.sql, &properties, encoding).await
}

/// Ends an open query, even one of another connection.
pub(super) async fn close_query(
    State(state): State<Shared>,
    Authorized(authorized): Authorized,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    if !authorized {
        return Err(ApiError::unauthorized("closing a query"));
    }
    let request: CloseQueryRequest = read(body)?;
    if state.open.close(&request.query_id) {
        return Ok(StatusCode::OK);
    }
    let message = format!("No query with id {}", request.query_id);
    Err(ApiError::request(BAD_REQUEST, message))
}
