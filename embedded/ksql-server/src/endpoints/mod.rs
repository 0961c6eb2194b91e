//! The HTTP routes.

mod accept;
mod info;
mod ksql;
mod query;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use service_runtime::host::{self, AllowedHosts};
use service_runtime::origin::refuse_foreign;
use tower_http::catch_panic::CatchPanicLayer;

use crate::state::Shared;

/// All routes.
pub(crate) fn router(state: Shared, hosts: AllowedHosts) -> Router {
    let limit = state.limits.body_bytes;
    // Keeps web pages of other origins from running statements.
    let statements = Router::new()
        .route("/ksql", post(ksql::post))
        .route("/query", post(query::query))
        .route("/query-stream", post(query::query_stream))
        .route("/close-query", post(query::close_query))
        .layer(from_fn(refuse_foreign));
    Router::new()
        .route("/", get(info::root))
        .route("/info", get(info::info))
        .route("/healthcheck", get(info::healthcheck))
        .route("/clusterStatus", get(info::cluster_status))
        .route("/v1/metadata", get(info::metadata))
        .route("/v1/metadata/id", get(info::metadata_id))
        .route("/is_valid_property/{name}", get(info::is_valid_property))
        .route("/status", get(ksql::all_statuses))
        .route("/status/{kind}/{name}/{action}", get(ksql::status))
        .merge(statements)
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(limit))
        .layer(from_fn_with_state(hosts, host::check))
        .layer(CatchPanicLayer::new())
        .with_state(state)
}

async fn not_found() -> Response {
    let page = "<html><body><h1>Resource not found</h1></body></html>";
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (StatusCode::NOT_FOUND, kind, page).into_response()
}
