//! The live version and the history: `/models…`.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use model_store::features::levels;
use model_store::store::MODELS;
use model_store::{LogEntry, ModelView, Page, StoreError, Version};
use pipeline::Definition;
use serde::Serialize;
use service_runtime::ops::prefers_plain_text;
use utoipa::ToSchema;

use super::Api;
use super::auth::Authorized;
use super::params::Params;
use super::prediction::no_model;
use super::problem::{ApiError, Busy, Invalid, Kind, NotFound, Unauthorized};

/// Default number of versions on a page.
const PAGE: u32 = 20;
/// Maximum number of versions on a page.
const MAX_PAGE: u32 = 100;
/// Maximum number of decisions returned with a version. The oldest are left out.
const MAX_DECISIONS: u32 = 1_000;
/// Maximum number of decisions returned with a page of versions. The oldest are left out.
const PAGE_DECISIONS: u32 = 10_000;
/// The largest integer that every JSON parser represents exactly.
const MAX_OFFSET: u64 = (1 << 53) - 1;

/// A page of the history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct History {
    /// Newest first.
    models: Vec<ModelView>,
    /// Number of versions on all pages.
    total: u64,
    /// Path of the next page, if there is one.
    next: Option<String>,
}

/// The history of versions, newest first
#[utoipa::path(
    get,
    path = "/models",
    tag = "models",
    params(
        ("limit" = Option<u32>, Query, description = "Versions on a page [default: 20]", minimum = 1, maximum = 100),
        ("offset" = Option<u64>, Query, description = "Versions to skip [default: 0]", minimum = 0, maximum = 9_007_199_254_740_991_u64),
    ),
    responses((status = 200, description = "A page of versions", body = History), Invalid, Busy)
)]
pub(super) async fn list(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Json<History>, ApiError> {
    let mut params = Params::parse(query.as_deref());
    let limit = params.number("limit", 1..=u64::from(MAX_PAGE))?;
    let limit = limit
        .and_then(|limit| limit.try_into().ok())
        .unwrap_or(PAGE);
    let skip = params.number("offset", 0..=MAX_OFFSET)?.unwrap_or(0);
    params.end()?;
    let store = api.trainer.store();
    let live = api.live.get();
    let (views, total) = api.views.page(store.as_ref(), Page { skip, limit }).await?;
    let ids: Vec<_> = views.iter().map(|view| &*view.model_version).collect();
    let mut decisions: HashMap<String, Vec<LogEntry>> = HashMap::new();
    for decision in store.entries_on(&ids, PAGE_DECISIONS).await? {
        let on_version = decisions.entry(decision.model_version.clone()).or_default();
        on_version.push(decision);
    }
    let mut models = Vec::new();
    for view in views {
        let decisions = decisions.remove(&view.model_version).unwrap_or_default();
        models.push(view.now(decisions, live.as_deref()));
    }
    let after = skip.saturating_add(models.len() as u64);
    let next = (after < total && !models.is_empty())
        .then(|| format!("/models?limit={limit}&offset={after}"));
    Ok(Json(History {
        models,
        total,
        next,
    }))
}

/// The live version; with `format=text` or `Accept: text/plain` as R's `summary(lm)` prints it
#[utoipa::path(
    get,
    path = "/models/live",
    tag = "models",
    params(("format" = Option<String>, Query, description = "`text` for R's `summary(lm)`, or `json`; by default what `Accept` asks for", example = "text")),
    responses(
        (status = 200, description = "The live version", content(
            (ModelView = "application/json"),
            (String = "text/plain"),
        )),
        Invalid,
        Busy
    )
)]
pub(super) async fn live(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let as_text = wants_text(query.as_deref(), &headers)?;
    let live = api.live.get().ok_or_else(no_model)?;
    if as_text {
        return Ok(text(live.info.model.summary().to_string()));
    }
    let decisions = vec![live.activation.clone()];
    Ok(Json(ModelView::new(&live.info, decisions, Some(&live))).into_response())
}

/// One version; with `format=text` or `Accept: text/plain` as R's `summary(lm)` prints it
#[utoipa::path(
    get,
    path = "/models/{version}",
    tag = "models",
    params(
        ("version" = String, Path, description = "The version's id", example = "1a1fdeeaa59a"),
        ("format" = Option<String>, Query, description = "`text` for R's `summary(lm)`, or `json`; by default what `Accept` asks for", example = "text"),
    ),
    responses(
        (status = 200, description = "The version", content(
            (ModelView = "application/json"),
            (String = "text/plain"),
        )),
        NotFound,
        Invalid,
        Busy
    )
)]
pub(super) async fn one(
    State(api): State<Api>,
    VersionId(id): VersionId,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let as_text = wants_text(query.as_deref(), &headers)?;
    let store = api.trainer.store();
    let version = store.version(&id).await?.ok_or_else(|| not_found(&id))?;
    if as_text {
        return Ok(text(version.info.model.summary().to_string()));
    }
    let decisions = store.entries_on(&[&id], MAX_DECISIONS).await?;
    let live = api.live.get();
    Ok(Json(ModelView::new(&version.info, decisions, live.as_deref())).into_response())
}

/// A version's training rows, as a CSV file for `--training-data` or R's `lm`
#[utoipa::path(
    get,
    path = "/models/{version}/rows",
    tag = "models",
    params(("version" = String, Path, description = "The version's id", example = "1a1fdeeaa59a")),
    responses(
        (status = 200, description = "The rows, oldest first", body = String, content_type = "text/csv"),
        NotFound,
        Invalid,
        Busy
    )
)]
pub(super) async fn rows(
    State(api): State<Api>,
    VersionId(id): VersionId,
) -> Result<Response, ApiError> {
    let version = api
        .trainer
        .store()
        .version(&id)
        .await?
        .ok_or_else(|| not_found(&id))?;
    let body = csv_file(api.definition, &version).map_err(|error| {
        ApiError::from(StoreError::Corrupt {
            collection: MODELS.to_owned(),
            id,
            reason: error.to_string(),
        })
    })?;
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

fn csv_file(definition: &Definition, version: &Version) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let levels = levels(definition);
    let numbers = definition.numbers().chain([definition.target()]);
    let columns = levels.chain(numbers).map(|column| column.name.as_str());
    csv.write_record(columns.chain(["row_id", "timestamp"]))?;
    for row in &version.training_rows {
        let numbers = row.numbers.iter().chain([&row.target]);
        csv.serialize((
            row.levels.as_ref(),
            numbers.collect::<Vec<_>>(),
            &row.row_id,
            &row.timestamp,
        ))?;
    }
    Ok(csv.into_inner()?)
}

/// Make a version live; `pin=true` keeps it live until `pin=false`
#[utoipa::path(
    post,
    path = "/models/{version}/activate",
    tag = "models",
    params(
        ("version" = String, Path, description = "The version's id", example = "1a1fdeeaa59a"),
        ("pin" = Option<bool>, Query, description = "Keep it live; triggers are then answered with `pinned` [default: false]"),
    ),
    security((), ("token" = [])),
    responses(
        (status = 200, description = "The version, now live", body = ModelView),
        Invalid,
        Unauthorized,
        NotFound,
        Busy
    )
)]
pub(super) async fn activate(
    State(api): State<Api>,
    _: Authorized,
    VersionId(id): VersionId,
    RawQuery(query): RawQuery,
) -> Result<Json<ModelView>, ApiError> {
    let mut params = Params::parse(query.as_deref());
    let pinned = params.flag("pin")?.unwrap_or(false);
    params.end()?;
    let live = api
        .trainer
        .activate(&id, pinned)
        .await?
        .ok_or_else(|| not_found(&id))?;
    let decisions = vec![live.activation.clone()];
    Ok(Json(ModelView::new(&live.info, decisions, Some(&live))))
}

/// The version in the path.
pub(super) struct VersionId(String);

impl FromRequestParts<Api> for VersionId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let path = Path::from_request_parts(parts, api).await;
        path.map(|Path(id)| Self(id))
            .map_err(|_| ApiError::field("version", "is not UTF-8 text"))
    }
}

fn not_found(id: &str) -> ApiError {
    let id: String = id.chars().take(40).collect();
    ApiError::new(
        Kind::NotFound,
        format!("there is no model version `{id}`; GET /models lists them"),
    )
}

/// Whether to respond with text: as the parameter `format` says, else as `Accept` says. Ignores other
/// parameters.
fn wants_text(query: Option<&str>, headers: &HeaderMap) -> Result<bool, ApiError> {
    let format = Params::parse(query).text()?;
    Ok(format.unwrap_or_else(|| prefers_plain_text(headers, "application/json")))
}

fn text(body: String) -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}
