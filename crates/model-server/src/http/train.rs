//! `POST /train`.

use axum::Json;
use axum::extract::{RawQuery, State};

use super::Api;
use super::auth::Authorized;
use super::body::Limited;
use super::params::Params;
use super::problem::ApiError;
use crate::cause::Trigger;
use crate::training::{TrainReport, TrainRequest};

/// The largest body: a trigger has some hundred bytes.
const MAX_BYTES: usize = 64 * 1024;
/// The most rows that may be asked for.
const MAX_ROWS: u32 = 10_000;

/// The handler: trains, or joins a training with the same request.
pub(super) async fn post(
    State(api): State<Api>,
    _: Authorized,
    RawQuery(query): RawQuery,
    Limited(body): Limited<MAX_BYTES>,
) -> Result<Json<TrainReport>, ApiError> {
    let mut params = Params::parse(query.as_deref());
    let request = TrainRequest {
        trigger: Trigger::from_body(&body),
        force: params.flag("force")?.unwrap_or(false),
        rows: params
            .number("rows", 1..=u64::from(MAX_ROWS))?
            .and_then(|rows| rows.try_into().ok()),
    };
    params.end()?;
    Ok(Json(api.trainer.train(request).await?))
}
