//! Request bodies.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{ApiError, BAD_REQUEST};

/// `error_code` of a body that is too large.
const TOO_LONG: u32 = 41_300;

/// The body of `POST /ksql` and `POST /query`. The CLI substitutes session variables itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct KsqlRequest {
    /// The statements.
    pub(crate) ksql: Option<String>,
    /// Properties for this request.
    #[serde(rename = "streamsProperties")]
    pub(crate) properties: Option<Map<String, Value>>,
}

/// The body of `POST /query-stream`.
#[derive(Debug, Deserialize)]
pub(crate) struct QueryStreamRequest {
    /// The query.
    pub(crate) sql: String,
    /// Properties for this request.
    #[serde(default)]
    pub(crate) properties: Option<Map<String, Value>>,
}

/// The body of `POST /close-query`.
#[derive(Debug, Deserialize)]
pub(crate) struct CloseQueryRequest {
    /// The query's id.
    #[serde(rename = "queryId")]
    pub(crate) query_id: String,
}

/// Parses a body. As in ksqlDB, the content type is ignored.
pub(crate) fn read<T: DeserializeOwned>(
    body: Result<Bytes, BytesRejection>,
) -> Result<T, ApiError> {
    let body = body.map_err(|error| ApiError::request(TOO_LONG, error.body_text()))?;
    serde_json::from_slice(&body).map_err(|error| {
        ApiError::request(BAD_REQUEST, format!("Invalid JSON in request: {error}"))
    })
}
