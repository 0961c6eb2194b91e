//! `POST /predictions`: many fish in one call.

mod input;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::body::Limited;
use super::prediction::{ANSWER_BYTES, Answer, answer, json, no_model, not_json};
use super::problem::{ApiError, Busy, Invalid, Kind, NotRead, Problem};
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

/// A fish to predict, for the documentation.
#[derive(ToSchema)]
#[expect(dead_code, reason = "`input` reads rows, wrong fields included")]
struct Fish {
    /// Length in centimetres.
    #[schema(exclusive_minimum = 0.0, maximum = 1e6, example = 86.37)]
    length: f64,
    /// Height in centimetres.
    #[schema(exclusive_minimum = 0.0, maximum = 1e6, example = 18.74)]
    height: f64,
    /// Any text.
    #[schema(min_length = 1, max_length = 64, example = "salmon")]
    species: String,
}

/// An element of the answer, for the documentation.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the handler writes answers one by one")]
enum Element<'a> {
    Answer(Answer<'a>),
    Failed(Failed),
}

/// Predict the weights of many fish: an array of the same length and order
#[utoipa::path(
    post,
    path = "/predictions",
    tag = "predictions",
    request_body(content = Vec<Fish>, description = "At most 5000 rows and 2 MiB. A wrong row gets an error instead of a prediction. A body that is not JSON, or has a number beyond the range of a double, is rejected as a whole"),
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
    let Rows { rows, skipped } = serde_json::from_slice(&body).map_err(|error| {
        let expected = r#"an array like [{"length":86.37,"height":18.74,"species":"salmon"}]"#;
        ApiError::new(Kind::InvalidBody, format!("{error}; expected {expected}"))
    })?;
    if skipped > 0 {
        let sent = rows.len() + skipped;
        let detail = format!("{sent} rows; send at most {MAX_ROWS} at a time");
        return Err(ApiError::new(Kind::TooLarge, detail));
    }
    let live = api.live.load();
    let model = live.as_deref().ok_or_else(no_model)?;
    let mut out = Vec::with_capacity(2 + ANSWER_BYTES * rows.len());
    let mut unseen = 0;
    out.push(b'[');
    for row in rows {
        if out.len() > 1 {
            out.push(b',');
        }
        let fish = row.features().map_err(ApiError::fields);
        match fish.and_then(|fish| answer(model, &fish)) {
            Ok(answer) => {
                unseen += u64::from(answer.unseen_species);
                serde_json::to_writer(&mut out, &answer).map_err(not_json)?;
            }
            Err(error) => {
                let error = error.problem();
                serde_json::to_writer(&mut out, &Failed { error }).map_err(not_json)?;
            }
        }
    }
    out.push(b']');
    api.metrics.unseen_species.inc_by(unseen);
    Ok(json(out))
}
