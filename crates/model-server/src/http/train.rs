//! `POST /train`.

use axum::Json;
use axum::extract::{RawQuery, State};
use model_store::Trigger;

use super::Api;
use super::auth::Authorized;
use super::body::Limited;
use super::params::Params;
use super::problem::{ApiError, Busy, Invalid, NotRead, NotTrainable, Unauthorized};
use crate::training::{TrainReport, TrainRequest};

/// Maximum size of a body in bytes. A trigger has a few hundred.
const MAX_BYTES: usize = 64 * 1024;
/// Maximum number of rows of a training.
const MAX_ROWS: u32 = 10_000;

/// Train on the newest rows; any body is accepted
///
/// If the body is a trigger and its version is not live, the answer is `superseded` and nothing is trained. If
/// the same trigger has been decided on before, the answer is `unchanged`. Otherwise the training waits until
/// the row of its last record is stored. Equal requests at the same time share one training.
#[utoipa::path(
    post,
    path = "/train",
    tag = "models",
    params(
        ("force" = Option<bool>, Query, description = "Skip the gate and earlier decisions on the same rows or trigger"),
        ("rows" = Option<u32>, Query, description = "Train on this many of the newest rows", minimum = 1, maximum = 10_000),
    ),
    request_body(content = Option<Trigger>, description = "A trigger, or anything else", content_type = "application/json"),
    security((), ("token" = [])),
    responses(
        (status = 200, description = "The outcome", body = TrainReport),
        Invalid,
        Unauthorized,
        NotRead,
        NotTrainable,
        Busy
    )
)]
pub(super) async fn post(
    State(api): State<Api>,
    _: Authorized,
    RawQuery(query): RawQuery,
    Limited(body): Limited<MAX_BYTES>,
) -> Result<Json<TrainReport>, ApiError> {
    let mut params = Params::parse(query.as_deref());
    let request = TrainRequest {
        trigger: Trigger::from_body(api.definition, &body),
        refinement: None,
        force: params.flag("force")?.unwrap_or(false),
        rows: params
            .number("rows", 1..=u64::from(MAX_ROWS))?
            .and_then(|rows| rows.try_into().ok()),
    };
    params.end()?;
    Ok(Json(api.trainer.train(request).await?))
}
