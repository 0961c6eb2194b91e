//! `GET /prediction`: one fish, one answer.

use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use model_store::LiveModel;
use model_store::features::{self, Features, NUMERIC};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::problem::{ApiError, Busy, FieldError, Invalid, Kind};
use super::query;

/// The model's answer for one fish.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Answer<'a> {
    /// Predicted weight in kilograms.
    pub weight: f64,
    /// When the model was trained, by the wall clock: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub model_time: &'a str,
    /// The version that predicted.
    pub model_version: &'a str,
    /// Lower end of the 95 % prediction interval, in kilograms.
    pub lower95: f64,
    /// Upper end of the 95 % prediction interval, in kilograms.
    pub upper95: f64,
    /// Whether the training rows do not contain the species, so that the fit without species predicted.
    pub unseen_species: bool,
}

/// Bytes to reserve for an answer. Few answers are longer.
pub(super) const ANSWER_BYTES: usize = 224;

/// Answers for one fish.
pub(super) fn answer<'a>(
    model: &'a LiveModel,
    fish: &Features<'_>,
) -> Result<Answer<'a>, ApiError> {
    let prediction = features::predict(&model.info.model, fish).map_err(|_| {
        // The only possible failure for finite and positive numbers.
        let reason = "is too large to predict from";
        ApiError::fields(NUMERIC.map(|field| FieldError { field, reason }).into())
    })?;
    Ok(Answer {
        weight: prediction.value,
        model_time: &model.model_time,
        model_version: &model.info.model_version,
        lower95: prediction.lower,
        upper95: prediction.upper,
        unseen_species: !prediction.unseen.is_empty(),
    })
}

/// The error if no model is live.
pub(super) fn no_model() -> ApiError {
    ApiError::new(Kind::NoModel, "no model is live yet; try again")
}

/// The error if an answer cannot be written as JSON, which does not happen.
pub(super) fn not_json(error: serde_json::Error) -> ApiError {
    ApiError::new(Kind::Internal, error.to_string())
}

/// A JSON body.
pub(super) fn json(body: Vec<u8>) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

/// Predict the weight of one fish
#[utoipa::path(
    get,
    path = "/prediction",
    tag = "predictions",
    params(
        ("length" = f64, Query, description = "Length in centimetres", exclusive_minimum = 0.0, maximum = 1e6, example = 86.37),
        ("height" = f64, Query, description = "Height in centimetres", exclusive_minimum = 0.0, maximum = 1e6, example = 18.74),
        ("species" = String, Query, description = "Any text; the answer flags one that is not in the training rows", min_length = 1, max_length = 64, example = "salmon"),
    ),
    responses((status = 200, description = "The prediction", body = Answer), Invalid, Busy)
)]
pub(super) async fn get(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    let fish = query::parse(uri.query().unwrap_or_default()).map_err(ApiError::fields)?;
    let live = api.live.load();
    let model = live.as_deref().ok_or_else(no_model)?;
    let answer = answer(model, &fish)?;
    if answer.unseen_species {
        api.metrics.unseen_species.inc();
    }
    let mut body = Vec::with_capacity(ANSWER_BYTES);
    serde_json::to_writer(&mut body, &answer).map_err(not_json)?;
    Ok(json(body))
}
