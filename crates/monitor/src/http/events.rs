//! `GET /events`: what has changed since a frame, as server-sent events.

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use service_runtime::origin;

use super::Site;

/// The frame that a page shows when it asks for the first time.
#[derive(Debug, Deserialize)]
pub(super) struct After {
    after: Option<String>,
}

/// The events after the frame that the client has seen last: `Last-Event-ID` where the connection
/// was lost, else the query's `after`.
pub(super) async fn get(
    State(site): State<Site>,
    Query(query): Query<After>,
    headers: HeaderMap,
) -> Response {
    // It would not be told anything, but would take a seat.
    if origin::is_cross_origin(&headers) {
        return (StatusCode::FORBIDDEN, "of another site's page\n").into_response();
    }
    let again = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned);
    let seen = again.or(query.after).and_then(|id| id.parse().ok());
    let Some(viewer) = site.looks.sit_down(seen) else {
        let headers = [(header::RETRY_AFTER, "10")];
        let text = "too many pages are open\n";
        return (StatusCode::SERVICE_UNAVAILABLE, headers, text).into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(viewer.events())).into_response()
}
