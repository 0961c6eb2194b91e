//! The OpenAPI document, from the handlers' annotations, and its interactive page. `documented` adds what
//! depends on the pipeline.

use std::borrow::Cow;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::routing::get;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, OpenApi as Document, RefOr, Schema};
use utoipa::{Modify, OpenApi, PartialSchema, ToSchema};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::Api;
use super::documented::RECORD;

/// Path of the document.
const DOCUMENT: &str = "/openapi.json";
/// Path of the page.
const PAGE: &str = "/__docs__";

/// The parts that the handlers' annotations lack: the title, the token, the calls of `service_runtime::ops`.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "catchweight model server",
        description = "Predictions, training, model versions"
    ),
    paths(healthz, readyz, metrics),
    modifiers(&Token),
    tags(
        (name = "predictions", description = "Predictions"),
        (name = "models", description = "The live version, the history, and training"),
        (name = "operations", description = "Health and metrics")
    )
)]
pub(super) struct Base;

/// The answer for one record, for the documentation.
#[derive(serde::Serialize)]
pub(super) struct AnswerSchema;

/// A row of `POST /predictions`, for the documentation.
pub(super) struct RecordSchema;

impl PartialSchema for AnswerSchema {
    fn schema() -> RefOr<Schema> {
        RefOr::default()
    }
}

impl ToSchema for AnswerSchema {
    fn name() -> Cow<'static, str> {
        "Answer".into()
    }
}

impl PartialSchema for RecordSchema {
    fn schema() -> RefOr<Schema> {
        RefOr::default()
    }
}

impl ToSchema for RecordSchema {
    fn name() -> Cow<'static, str> {
        RECORD.into()
    }
}

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut Document) {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme("token", bearer);
    }
}

/// The page and the document, both embedded in the binary.
///
/// # Errors
/// The document cannot be written as JSON.
pub(super) fn routes(document: &serde_json::Value) -> serde_json::Result<Router<Api>> {
    let settings = Config::new([DOCUMENT])
        .validator_url("none")
        .try_it_out_enabled(true);
    let page: Router<Api> = SwaggerUi::new(PAGE).config(settings).into();
    // All responses share these bytes.
    let document = Bytes::from(serde_json::to_vec(document)?);
    let kind = HeaderValue::from_static("application/json");
    let answer = move || async move { ([(header::CONTENT_TYPE, kind)], document) };
    Ok(page.route(DOCUMENT, get(answer)))
}

/// Whether the process is running
#[utoipa::path(get, path = "/healthz", tag = "operations", responses(
    (status = 200, description = "The process is running", body = String, content_type = "text/plain")
))]
#[expect(dead_code, reason = "served by service_runtime::ops")]
fn healthz() {}

/// Whether the service is ready
#[utoipa::path(get, path = "/readyz", tag = "operations", responses(
    (status = 200, description = "The service is ready", body = String, content_type = "text/plain"),
    (status = 503, description = "The service is not ready; the body gives the reason", body = String, content_type = "text/plain")
))]
#[expect(dead_code, reason = "served by service_runtime::ops")]
fn readyz() {}

/// The metrics, as OpenMetrics text or, with `Accept: text/plain`, as Prometheus text
#[utoipa::path(get, path = "/metrics", tag = "operations", responses(
    (status = 200, description = "The metrics", content(
        (String = "application/openmetrics-text"),
        (String = "text/plain"),
    ))
))]
#[expect(dead_code, reason = "served by service_runtime::ops")]
fn metrics() {}
