//! `GET /prediction`: one record, one answer.

use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use model_store::LiveModel;
use model_store::features::Features;
use regression::PredictError;

use super::Api;
use super::inputs::Inputs;
use super::openapi::AnswerSchema;
use super::problem::{ApiError, Busy, FieldError, Invalid, Kind};
use super::query;
use crate::answer::{Answer, AnswerNames};

/// Bytes to reserve for an answer. Few answers are longer.
pub(super) const ANSWER_BYTES: usize = 224;

/// Answers for one record.
pub(super) fn answer<'a>(
    inputs: &Inputs,
    names: &'a AnswerNames,
    model: &'a LiveModel,
    features: &Features<'_>,
) -> Result<Answer<'a>, ApiError> {
    Answer::of(names, model, features).map_err(|error| not_predicted(inputs, model, &error))
}

fn not_predicted(inputs: &Inputs, model: &LiveModel, error: &PredictError) -> ApiError {
    let numbers = inputs.numbers().iter().map(|column| column.name.as_str());
    let errors = |reason: &'static str, is_wrong: &dyn Fn(&str) -> bool| {
        let wrong = numbers.filter(|name| is_wrong(name));
        ApiError::fields(wrong.map(|field| FieldError { field, reason }).collect())
    };
    match error {
        PredictError::Overflow => return errors("is too large to predict from", &|_| true),
        PredictError::OutsideDomain(outside) => {
            let reason = "is outside the domain of a function in the formula";
            return errors(reason, &|name| name == outside.column);
        }
        _ => {}
    }
    let formula = model.info.model.formula();
    let detail = format!(
        "the live model `{formula}` does not fit the columns of pipeline.toml: {error}; \
         train a new version with POST /train?force=true"
    );
    ApiError::new(Kind::NoModel, detail)
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

/// The prediction for one record
#[utoipa::path(
    get,
    path = "/prediction",
    tag = "predictions",
    responses((status = 200, description = "The prediction", body = AnswerSchema), Invalid, Busy)
)]
pub(super) async fn get(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    let query = uri.query().unwrap_or_default();
    let features = query::parse(&api.inputs, query).map_err(ApiError::fields)?;
    let live = api.live.load();
    let model = live.as_deref().ok_or_else(no_model)?;
    let answer = answer(&api.inputs, &api.names, model, &features)?;
    if answer.is_unseen() {
        api.metrics.unseen.inc();
    }
    let mut body = Vec::with_capacity(ANSWER_BYTES);
    serde_json::to_writer(&mut body, &answer).map_err(not_json)?;
    Ok(json(body))
}
