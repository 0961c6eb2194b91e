//! `POST /predictions`: many records in one call.

mod input;

use axum::extract::State;
use axum::response::Response;
use model_store::LiveModel;
use serde::Serialize;
use serde::de::DeserializeSeed;
use utoipa::ToSchema;

use super::Api;
use super::body::Limited;
use super::openapi::{AnswerSchema, RecordSchema};
use super::prediction::{ANSWER_BYTES, answer, json, no_model};
use super::problem::{ApiError, Busy, FieldError, Invalid, Kind, NotRead, Problem};
use input::Rows;

/// Maximum number of rows of one call.
pub const MAX_ROWS: usize = 5_000;
/// Maximum size of a body in bytes.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The element of the answer for a row that cannot be predicted.
#[derive(Debug, Serialize, ToSchema)]
struct Failed {
    error: Problem,
}

/// An element of the answer, for the documentation.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the handler writes answers one by one")]
enum Element {
    Answer(AnswerSchema),
    Failed(Failed),
}

/// The predictions for many records
#[utoipa::path(
    post,
    path = "/predictions",
    tag = "predictions",
    request_body(content = Vec<RecordSchema>, description = "At most 5000 rows and 2 MiB. A wrong row gets an error instead of a prediction. A body that is not JSON, or has a number beyond the range of a double, is rejected as a whole"),
    responses(
        (status = 200, description = "A prediction, or an error, for each row", body = Vec<Element>),
        Invalid,
        NotRead,
        Busy
    )
)]
pub(super) async fn post(
    State(api): State<Api>,
    Limited(body): Limited<MAX_BYTES>,
) -> Result<Response, ApiError> {
    let live = api.live.load();
    let mut out = Answers {
        api: &api,
        model: live.as_deref(),
        body: Vec::with_capacity(2 + body.len().saturating_mul(4).min(ANSWER_BYTES * MAX_ROWS)),
        unseen: 0,
    };
    let mut json_body = serde_json::Deserializer::from_slice(&body);
    let rows = Rows::new(&api.inputs, |features| out.add(features));
    let sent = rows
        .deserialize(&mut json_body)
        .and_then(|sent| json_body.end().map(|()| sent))
        .map_err(|error| {
            let expected = &api.example;
            ApiError::new(Kind::InvalidBody, format!("{error}; expected {expected}"))
        })?;
    if sent > MAX_ROWS {
        let detail = format!("{sent} rows; send at most {MAX_ROWS} at a time");
        return Err(ApiError::new(Kind::TooLarge, detail));
    }
    let (mut body, unseen) = (out.body, out.unseen);
    live.as_deref().ok_or_else(no_model)?;
    if body.is_empty() {
        body.push(b'[');
    }
    body.push(b']');
    api.metrics.unseen.inc_by(unseen);
    Ok(json(body))
}

/// The answer, which grows row by row while the body is read.
struct Answers<'a> {
    api: &'a Api,
    /// Nothing is answered without a model.
    model: Option<&'a LiveModel>,
    body: Vec<u8>,
    unseen: u64,
}

impl Answers<'_> {
    fn add(
        &mut self,
        row: Result<&model_store::features::Features<'_>, Vec<FieldError>>,
    ) -> serde_json::Result<()> {
        let Some(model) = self.model else {
            return Ok(());
        };
        self.body
            .push(if self.body.is_empty() { b'[' } else { b',' });
        let (inputs, names) = (&self.api.inputs, &self.api.names);
        let answer = row
            .map_err(ApiError::fields)
            .and_then(|features| answer(inputs, names, model, features));
        match answer {
            Ok(answer) => {
                self.unseen += u64::from(answer.is_unseen());
                serde_json::to_writer(&mut self.body, &answer)
            }
            Err(error) => {
                let error = error.problem();
                serde_json::to_writer(&mut self.body, &Failed { error })
            }
        }
    }
}
