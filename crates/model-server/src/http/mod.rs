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
//! | `guard`, `body`, `auth`, `params`, `accept` | limits and metrics, bodies, the bearer token, parameters, text or JSON |

mod accept;
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
use axum::handler::Handler;
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
///
/// # Errors
/// Where the documentation cannot be written.
pub(crate) fn router(api: Api, operations: Router<Api>) -> anyhow::Result<Router> {
    let limits = Limits::default();
    let free = |route| limits.guard(&api.metrics, route, None);
    let turns = |route, room| limits.guard(&api.metrics, route, Some(room));
    let history = |route| turns(route, &limits.history);
    let (routes, document) = OpenApiRouter::with_openapi(openapi::Base::openapi())
        .routes(guarded(routes!(prediction::get), free("/prediction")))
        .routes(guarded(
            routes!(predictions::post),
            turns("/predictions", &limits.bodies),
        ))
        .routes(guarded(
            routes!(train::post),
            turns("/train", &limits.trainings),
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
            turns("/models/{version}/activate", &limits.activations),
        ))
        .split_for_parts();
    let behind = |route| from_fn_with_state(free(route), guard);
    let documentation = openapi::routes(&document)?
        .method_not_allowed_fallback(method_not_allowed)
        .layer(behind("documentation"));
    // A full server answers these too: of their requests only the wrong ones pass a guard.
    let operations =
        operations.method_not_allowed_fallback(method_not_allowed.layer(behind("operations")));
    Ok(routes
        .merge(operations)
        .merge(documentation)
        .fallback_service(any(no_such_path).layer(behind("unknown")))
        .with_state(api))
}

/// A route behind its guard, requests with a method that it does not take included.
fn guarded(route: UtoipaMethodRouter<Api>, of: Arc<Guard>) -> UtoipaMethodRouter<Api> {
    route
        .map(|methods| methods.fallback(method_not_allowed))
        .layer(from_fn_with_state(of, guard))
}

async fn no_such_path() -> ApiError {
    let detail = "no such path; see /__docs__/ for the calls that there are";
    ApiError::new(Kind::NotFound, detail)
}

async fn method_not_allowed() -> ApiError {
    let detail = "see the header `Allow`, and /__docs__/ for the calls that there are";
    ApiError::new(Kind::MethodNotAllowed, detail)
}
