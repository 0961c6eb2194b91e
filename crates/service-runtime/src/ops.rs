//! The endpoints that operators and orchestrators use.
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200 while the process runs its event loop |
//! | `/readyz` | 200 when the service does its job, else 503 with the reason |
//! | `/metrics` | the registry in OpenMetrics text |

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

/// Whether a service does its job, and if not, why. Clones share the state.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<watch::Sender<Result<(), String>>>);

impl Readiness {
    /// Not ready yet, with the reason.
    pub fn not_yet(reason: impl Into<String>) -> Self {
        Self(Arc::new(watch::Sender::new(Err(reason.into()))))
    }

    /// From now on ready; true where it was not before.
    pub fn set_ready(&self) -> bool {
        self.change(Ok(()))
    }

    /// From now on not ready, for this reason; true where that is news.
    pub fn set_not_ready(&self, reason: impl Into<String>) -> bool {
        self.change(Err(reason.into()))
    }

    /// `Ok`, or why the service is not ready.
    ///
    /// # Errors
    /// The reason.
    pub fn state(&self) -> Result<(), String> {
        self.0.borrow().clone()
    }

    /// Waits until the service is ready.
    pub async fn ready(&self) {
        // The sender lives as long as this handle, so that the wait cannot fail.
        let _ = self.0.subscribe().wait_for(Result::is_ok).await;
    }

    fn change(&self, to: Result<(), String>) -> bool {
        self.0.send_if_modified(|state| {
            let news = *state != to;
            *state = to;
            news
        })
    }
}

/// A registry whose metrics are named `catchweight_…`.
pub fn registry() -> Registry {
    Registry::with_prefix("catchweight")
}

/// The routes `/healthz`, `/readyz` and `/metrics`, to be merged into a service's router.
pub fn router<S: Clone + Send + Sync + 'static>(
    registry: Arc<Registry>,
    readiness: Readiness,
) -> Router<S> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(readiness)
        .merge(metrics_router(registry))
}

/// The route `/metrics` alone, for an API that tells its health in another way.
pub fn metrics_router<S: Clone + Send + Sync + 'static>(registry: Arc<Registry>) -> Router<S> {
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(registry)
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    match readiness.state() {
        Ok(()) => "ready\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "metrics could not be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_tells_news_once_so_that_it_is_logged_once() {
        let readiness = Readiness::not_yet("starting");
        assert_eq!(readiness.state(), Err("starting".into()));
        assert!(readiness.set_ready());
        assert!(!readiness.set_ready());
        assert!(readiness.set_not_ready("model down"));
        assert!(!readiness.set_not_ready("model down"));
    }
}
