//! The API over HTTP.
//!
//! | module | what is in it |
//! |---|---|
//! | `query`, `prediction` | `GET /prediction` |
//! | [`predictions`] | `POST /predictions` |
//! | `train` | `POST /train` |
//! | `models`, [`view`] | `/models…` |
//! | [`problem`] | errors as RFC 9457 bodies |
//! | `guard`, `body`, `auth`, `params` | limits and metrics, bodies, the bearer token, parameters |

mod auth;
mod body;
mod guard;
mod models;
mod params;
pub mod prediction;
pub mod predictions;
pub mod problem;
pub mod query;
mod train;
pub mod view;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use crate::config::Secret;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::training::Trainer;
use auth::TokenHash;
use guard::{Guard, Limits, guard};
use problem::{ApiError, Kind};

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Api {
    live: Live,
    trainer: Trainer,
    metrics: Metrics,
    token: Option<TokenHash>,
}

impl Api {
    /// The handlers' state; with a token, training and activation require it.
    pub(crate) fn new(
        live: Live,
        trainer: Trainer,
        metrics: Metrics,
        token: Option<&Secret>,
    ) -> Self {
        Self {
            live,
            trainer,
            metrics,
            token: token.map(TokenHash::of),
        }
    }
}

/// The API's routes.
pub(crate) fn router(api: Api) -> Router {
    let limits = Limits::default();
    let plain = |path| limits.guard(&api.metrics, path);
    let (batch, train) = ("/predictions", "/train");
    Router::new()
        .guarded("/prediction", get(prediction::get), plain)
        .guarded(batch, post(predictions::post), |path| {
            limits.guard_body(&api.metrics, path)
        })
        .guarded(train, post(train::post), |path| {
            limits.guard_training(&api.metrics, path)
        })
        .guarded("/models", get(models::list), plain)
        .guarded("/models/live", get(models::live), plain)
        .guarded("/models/{version}", get(models::one), plain)
        .guarded("/models/{version}/rows", get(models::rows), plain)
        .guarded("/models/{version}/activate", post(models::activate), plain)
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                Kind::MethodNotAllowed,
                "see /__docs__/ for the calls that there are",
            )
        })
        .fallback(|| async {
            ApiError::new(
                Kind::NotFound,
                "no such path; see /__docs__/ for the calls that there are",
            )
        })
        .with_state(api)
}

trait Guarded {
    /// Adds a route behind its guard.
    fn guarded(
        self,
        path: &'static str,
        route: MethodRouter<Api>,
        of: impl FnOnce(&'static str) -> Arc<Guard>,
    ) -> Self;
}

impl Guarded for Router<Api> {
    fn guarded(
        self,
        path: &'static str,
        route: MethodRouter<Api>,
        of: impl FnOnce(&'static str) -> Arc<Guard>,
    ) -> Self {
        self.route(path, route.layer(from_fn_with_state(of(path), guard)))
    }
}
