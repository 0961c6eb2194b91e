//! The HTTP API.
//!
//! | module | contents |
//! |---|---|
//! | `inputs` | the model's inputs, with the columns of the pipeline |
//! | `query`, `prediction` | `GET /prediction` |
//! | [`predictions`] | `POST /predictions` |
//! | `train` | `POST /train` |
//! | `models` | `/models…` |
//! | `openapi` | the OpenAPI document and its interactive page |
//! | `documented`, `examples`, `wording` | the parts of the document that depend on the pipeline |
//! | [`problem`] | errors as RFC 9457 bodies |
//! | `guard` | limits, timeout and metrics of each route |
//! | `body`, `auth`, `params` | request bodies, the bearer token, query parameters |

mod auth;
mod body;
mod documented;
mod examples;
mod guard;
pub mod inputs;
mod models;
mod openapi;
mod params;
mod prediction;
pub mod predictions;
pub mod problem;
pub mod query;
mod train;
mod views;
mod wording;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::any;
use model_store::LiveSlot;
use model_store::features::TrainingRow;
use pipeline::Definition;
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::answer::AnswerNames;
use crate::metrics::Metrics;
use crate::training::Trainer;
pub(crate) use auth::Tokens;
use guard::{Limits, guard};
use inputs::Inputs;
use problem::{ApiError, Kind};
use views::VersionViews;

/// The handlers' state. The router clones it for every request, so it is a single `Arc`.
#[derive(Clone)]
pub(crate) struct Api(Arc<Shared>);

/// The parts of [`Api`].
pub(crate) struct Shared {
    definition: &'static Definition,
    inputs: Inputs,
    names: AnswerNames,
    /// An array of one row, for messages about a body that is none.
    example: String,
    live: LiveSlot,
    trainer: Trainer,
    metrics: Metrics,
    tokens: Tokens,
    views: VersionViews,
}

impl Api {
    /// The handlers' state. `tokens` are those that requests must have.
    /// `first_row` is a training row to make examples from.
    pub(crate) fn new(
        definition: &'static Definition,
        first_row: Option<&TrainingRow>,
        live: LiveSlot,
        trainer: Trainer,
        metrics: Metrics,
        tokens: Tokens,
    ) -> Self {
        Self(Arc::new(Shared {
            definition,
            inputs: Inputs::of(definition),
            names: AnswerNames::of(definition),
            example: format!("an array like [{}]", examples::row(definition, first_row)),
            live,
            trainer,
            metrics,
            tokens,
            views: VersionViews::default(),
        }))
    }
}

impl Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// The API, its documentation, and the routes for health and metrics. All but `health` require the read token, if
/// there is one.
///
/// # Errors
/// The OpenAPI document cannot be written as JSON.
pub(crate) fn router(
    api: Api,
    health: Router<Api>,
    metrics: Router<Api>,
    first_row: Option<&TrainingRow>,
) -> anyhow::Result<Router> {
    let limits = Limits::default();
    let behind = |route, pool| from_fn_with_state(limits.guard(&api.metrics, route, pool), guard);
    let guarded = |methods: UtoipaMethodRouter<Api>, route, pool| {
        methods
            .map(|methods| methods.fallback(method_not_allowed))
            .layer(behind(route, pool))
    };
    let Limits {
        quick,
        bodies,
        trainings,
        history,
        activations,
        ..
    } = &limits;
    let (routes, document) = OpenApiRouter::with_openapi(openapi::Base::openapi())
        .routes(guarded(routes!(prediction::get), "/prediction", quick))
        .routes(guarded(routes!(predictions::post), "/predictions", bodies))
        .routes(guarded(routes!(train::post), "/train", trainings))
        .routes(guarded(routes!(models::list), "/models", history))
        .routes(guarded(routes!(models::live), "/models/live", quick))
        .routes(guarded(routes!(models::one), "/models/{version}", history))
        .routes(guarded(
            routes!(models::rows),
            "/models/{version}/rows",
            history,
        ))
        .routes(guarded(
            routes!(models::activate),
            "/models/{version}/activate",
            activations,
        ))
        .split_for_parts();
    let document = documented::of(&document, api.definition, first_row)?;
    let documentation = openapi::routes(&document)?
        .method_not_allowed_fallback(method_not_allowed)
        .layer(behind("documentation", quick));
    // Health and metrics have no limit, so that an overloaded server still answers them.
    let operations = |routes: Router<Api>| {
        routes.method_not_allowed_fallback(method_not_allowed.layer(behind("operations", quick)))
    };
    let tokens = api.tokens.clone();
    Ok(routes
        .merge(operations(metrics))
        .merge(documentation)
        .fallback_service(any(no_such_path).layer(behind("unknown", quick)))
        .layer(from_fn_with_state(tokens, auth::may_read))
        .merge(operations(health))
        .with_state(api))
}

async fn no_such_path() -> ApiError {
    let detail = "no such path; /__docs__/ lists the calls";
    ApiError::new(Kind::NotFound, detail)
}

async fn method_not_allowed() -> ApiError {
    let detail =
        "see the header `Allow` for the methods of this path, and /__docs__/ for all calls";
    ApiError::new(Kind::MethodNotAllowed, detail)
}
