//! The API over HTTP.
//!
//! | module | what is in it |
//! |---|---|
//! | `query`, `prediction` | `GET /prediction` |
//! | [`predictions`] | `POST /predictions` |
//! | `train` | `POST /train` |
//! | `models`, [`view`] | `/models…` |
//! | `openapi` | the document and the interactive page |
//! | [`problem`] | errors as RFC 9457 bodies |
//! | `guard`, `body`, `auth`, `params` | limits and metrics, bodies, the bearer token, parameters |

mod auth;
mod body;
mod guard;
mod models;
mod openapi;
mod params;
pub mod prediction;
pub mod predictions;
pub mod problem;
pub mod query;
mod train;
pub mod view;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::any;
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::config::Secret;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::training::Trainer;
use auth::TokenHash;
use guard::{Guard, Limits, guard};
use problem::{ApiError, Kind};

/// What the handlers share. The router clones it for every request: one counter, not one for each
/// part.
#[derive(Clone)]
pub(crate) struct Api(Arc<Shared>);

/// The parts of [`Api`].
pub(crate) struct Shared {
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
        let token = token.map(TokenHash::of);
        Self(Arc::new(Shared {
            live,
            trainer,
            metrics,
            token,
        }))
    }
}

impl Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// The API's routes, its documentation included, together with the routes of operations.
pub(crate) fn router(api: Api, operations: Router<Api>) -> Router {
    let limits = Limits::default();
    let free = |route| limits.guard(&api.metrics, route, None);
    let waits = |route, turns| limits.guard(&api.metrics, route, Some(turns));
    let history = |route| waits(route, &limits.history);
    let (routes, document) = OpenApiRouter::with_openapi(openapi::Base::openapi())
        .routes(guarded(routes!(prediction::get), free("/prediction")))
        .routes(guarded(
            routes!(predictions::post),
            waits("/predictions", &limits.bodies),
        ))
        .routes(guarded(
            routes!(train::post),
            waits("/train", &limits.trainings),
        ))
        .routes(guarded(routes!(models::list), history("/models")))
        .routes(guarded(routes!(models::live), free("/models/live")))
        .routes(guarded(routes!(models::one), history("/models/{version}")))
        .routes(guarded(
            routes!(models::rows),
            history("/models/{version}/rows"),
        ))
        .routes(guarded(
            routes!(models::activate),
            waits("/models/{version}/activate", &limits.activations),
        ))
        .split_for_parts();
    let unknown = any(|| async {
        ApiError::new(
            Kind::NotFound,
            "no such path; see /__docs__/ for the calls that there are",
        )
    });
    routes
        .merge(operations)
        .merge(openapi::routes(document))
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                Kind::MethodNotAllowed,
                "see /__docs__/ for the calls that there are",
            )
        })
        .fallback_service(unknown.layer(from_fn_with_state(free("unknown"), guard)))
        .with_state(api)
}

/// A route behind its guard.
fn guarded(route: UtoipaMethodRouter<Api>, of: Arc<Guard>) -> UtoipaMethodRouter<Api> {
    route.layer(from_fn_with_state(of, guard))
}
