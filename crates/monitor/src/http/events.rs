//! `GET /events`: what has changed since a frame, as server-sent events.

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use service_runtime::origin;

use super::Site;

/// The frame that the page shows.
#[derive(Debug, Deserialize)]
pub(super) struct After {
    after: Option<String>,
}

/// Sends the events after the client's last frame: `Last-Event-ID` after a lost connection, otherwise the
/// query parameter `after`.
pub(super) async fn get(
    State(site): State<Site>,
    Query(query): Query<After>,
    headers: HeaderMap,
) -> Response {
    // Another site cannot read the events, but could use up the limit of viewers.
    if origin::is_cross_origin(&headers) {
        return (
            StatusCode::FORBIDDEN,
            "the request comes from another site\n",
        )
            .into_response();
    }
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned);
    let seen = last.or(query.after).and_then(|id| id.parse().ok());
    let Some(viewer) = site.renderer.subscribe(seen) else {
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
