//! `POST /predictions`: many fish in one call.

mod input;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::Api;
use super::body::Limited;
use super::prediction::{ANSWER_BYTES, answer, json, no_model};
use super::problem::{ApiError, Kind, Problem};
use input::Rows;

/// Rows that one call may hold.
pub const MAX_ROWS: usize = 5_000;
/// Bytes that its body may have.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// What stands in the place of a row that cannot be predicted.
#[derive(Debug, Serialize)]
struct Failed {
    error: Problem,
}

/// The handler: an array of the same length as the body's.
pub(super) async fn post(
    State(api): State<Api>,
    Limited(body): Limited<MAX_BYTES>,
) -> Result<Response, ApiError> {
    let Rows { rows, left_out } = serde_json::from_slice(&body).map_err(|error| {
        let expected = r#"an array like [{"length":86.37,"height":18.74,"species":"salmon"}]"#;
        ApiError::new(Kind::InvalidBody, format!("{error}; expected {expected}"))
    })?;
    if left_out > 0 {
        let sent = rows.len() + left_out;
        let detail = format!("{sent} rows; send at most {MAX_ROWS} at a time");
        return Err(ApiError::new(Kind::TooLarge, detail));
    }
    let live = api.live.load();
    let model = live.as_deref().ok_or_else(no_model)?;
    let internal = |error: serde_json::Error| ApiError::new(Kind::Internal, error.to_string());
    let mut out = Vec::with_capacity(2 + ANSWER_BYTES * rows.len());
    let mut unseen = 0;
    for row in rows {
        out.push(if out.is_empty() { b'[' } else { b',' });
        match row
            .features()
            .map_err(ApiError::fields)
            .and_then(|fish| answer(model, &fish))
        {
            Ok(answer) => {
                unseen += u64::from(answer.unseen_species);
                serde_json::to_writer(&mut out, &answer).map_err(internal)?;
            }
            Err(error) => {
                let failed = Failed {
                    error: error.problem(),
                };
                serde_json::to_writer(&mut out, &failed).map_err(internal)?;
            }
        }
    }
    if out.is_empty() {
        out.push(b'[');
    }
    out.push(b']');
    api.metrics.unseen_species.inc_by(unseen);
    Ok(json(out))
}
