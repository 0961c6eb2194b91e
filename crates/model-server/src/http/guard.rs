//! What every request passes: the limit of requests at once, the time limit, metrics, the trace's
//! id in the logs, a panic that stays this request's.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{Instrument, Span};

use super::problem::{ApiError, Kind};
use crate::metrics::{Metrics, RouteMetrics};

/// Requests at the same moment; more are turned away at once.
const REQUESTS: usize = 1_024;
/// Requests whose bodies are in memory at the same moment; more wait before theirs is read.
const BODIES: usize = 8;
/// Requests for training, or waiting for one, at the same moment; more wait before theirs is read.
const TRAININGS: usize = 32;
/// Requests that read the history at the same moment, a page of which may be megabytes; more wait.
const HISTORY: usize = 8;
/// Activations at the same moment, each of which holds a version with its rows; more wait.
const ACTIVATIONS: usize = 4;
/// A request is answered within this time.
const TIME: Duration = Duration::from_secs(10);

/// The limits that all routes share.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    requests: Arc<Semaphore>,
    time: Duration,
    /// For routes with a large body.
    pub(super) bodies: Arc<Semaphore>,
    /// For the route that trains.
    pub(super) trainings: Arc<Semaphore>,
    /// For routes that read the store.
    pub(super) history: Arc<Semaphore>,
    /// For the route that activates: a rollback does not wait for readers.
    pub(super) activations: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        let of = |permits| Arc::new(Semaphore::new(permits));
        Self {
            requests: of(REQUESTS),
            time: TIME,
            bodies: of(BODIES),
            trainings: of(TRAININGS),
            history: of(HISTORY),
            activations: of(ACTIVATIONS),
        }
    }
}

/// A route's share of the limits and metrics.
#[derive(Debug)]
pub(super) struct Guard {
    requests: Arc<Semaphore>,
    turns: Option<Arc<Semaphore>>,
    time: Duration,
    metrics: RouteMetrics,
}

impl Limits {
    /// The guard of a route whose requests wait for their turn where there are `turns`.
    pub(super) fn guard(
        &self,
        metrics: &Metrics,
        route: &'static str,
        turns: Option<&Arc<Semaphore>>,
    ) -> Arc<Guard> {
        Arc::new(Guard {
            requests: Arc::clone(&self.requests),
            turns: turns.cloned(),
            time: self.time,
            metrics: metrics.route(route),
        })
    }
}

/// The middleware.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    match trace_span(request.headers(), guard.metrics.route) {
        Some(span) => guard.answer(request, next).instrument(span).await,
        None => guard.answer(request, next).await,
    }
}

impl Guard {
    /// The answer within the time limit, counted and logged.
    async fn answer(&self, request: Request, next: Next) -> Response {
        let started = Instant::now();
        let _in_flight = self.metrics.enter();
        let answer = timeout(self.time, self.pass(request, next)).await;
        let response = answer.unwrap_or_else(|_| {
            let detail = format!("no answer within {:?}; try again", self.time);
            ApiError::new(Kind::Timeout, detail).into_response()
        });
        let (status, took) = (response.status().as_u16(), started.elapsed());
        self.metrics.observe(status, took);
        tracing::debug!(route = self.metrics.route, status, ?took, "answered");
        response
    }

    async fn pass(&self, request: Request, next: Next) -> Response {
        let Ok(_permit) = self.requests.try_acquire() else {
            let detail = "more requests than can be answered at once; try again";
            return ApiError::new(Kind::Overloaded, detail).into_response();
        };
        let _turn = match &self.turns {
            // The semaphore is never closed.
            Some(turns) => turns.acquire().await.ok(),
            None => None,
        };
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(_) => {
                tracing::error!(route = self.metrics.route, "a request's handler panicked");
                ApiError::new(Kind::Internal, "the service failed; its log says why")
                    .into_response()
            }
        }
    }
}

/// A span with the caller's trace, where it sent one (W3C Trace Context).
fn trace_span(headers: &HeaderMap, route: &'static str) -> Option<Span> {
    let (trace_id, parent_id) = trace_parent(headers.get("traceparent")?.to_str().ok()?)?;
    Some(tracing::info_span!("request", route, trace_id, parent_id))
}

/// Trace id and parent id of a `traceparent` header.
fn trace_parent(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    // A later version may have more parts; version 00 has these four.
    let complete = version != "00" || parts.next().is_none();
    let valid =
        hex(version, 2) && version != "ff" && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    (valid && complete && !zero(trace) && !zero(parent)).then_some((trace, parent))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use service_runtime::{ops, server};

    use super::*;
    use crate::live::Live;

    /// Where a server is that takes one request at a time: `/held` is answered when `go` has a
    /// permit, `/broken` panics.
    async fn serve(go: &Arc<Semaphore>, time: Duration) -> String {
        let limits = Limits {
            requests: Arc::new(Semaphore::new(1)),
            time,
            ..Limits::default()
        };
        let metrics = Metrics::register(&mut ops::registry(), Live::default());
        let go = Arc::clone(go);
        let held = move || async move { go.acquire().await.unwrap().forget() };
        let broken = || async { assert_eq!(1, 2, "on purpose") };
        let router = Router::new()
            .route("/held", get(held))
            .route("/broken", get(broken))
            .layer(from_fn_with_state(
                limits.guard(&metrics, "test", None),
                guard,
            ));
        let listener = server::listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        url
    }

    async fn status_and_kind(url: String) -> (u16, String) {
        let response = timeout(3 * TIME, reqwest::get(url)).await;
        let response = response.unwrap().unwrap();
        let status = response.status().as_u16();
        let body = response.text().await.unwrap();
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let kind = problem["type"].as_str().unwrap_or_default();
        let kind = kind.trim_start_matches("urn:catchweight:problem:");
        (status, kind.to_owned())
    }

    #[tokio::test]
    async fn what_is_more_than_the_limit_is_turned_away_until_there_is_room() {
        let go = Arc::new(Semaphore::new(0));
        let url = serve(&go, TIME).await;
        let held = || status_and_kind(format!("{url}/held"));
        // Whichever comes first is held, the other is turned away.
        let both = futures::future::select(Box::pin(held()), Box::pin(held()));
        let (turned_away, other) = both.await.factor_first();
        assert_eq!(turned_away, (503, "overloaded".into()));
        go.add_permits(2);
        assert_eq!(other.await.0, 200);
        assert_eq!(held().await.0, 200);
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_ended_and_makes_room() {
        let go = Arc::new(Semaphore::new(0));
        let url = serve(&go, Duration::from_millis(20)).await;
        let held = || status_and_kind(format!("{url}/held"));
        for _ in 0..2 {
            assert_eq!(held().await, (503, "timeout".into()));
        }
    }

    #[tokio::test]
    async fn a_panic_is_the_failure_of_one_request_and_makes_room() {
        let go = Arc::new(Semaphore::new(1));
        let url = serve(&go, TIME).await;
        let broken = status_and_kind(format!("{url}/broken")).await;
        assert_eq!(broken, (500, "internal".into()));
        assert_eq!(status_and_kind(format!("{url}/held")).await.0, 200);
    }

    #[test]
    fn only_a_valid_trace_parent_is_taken_over() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let valid = format!("00-{trace}-{parent}-01");
        assert_eq!(trace_parent(&valid), Some((trace, parent)));
        assert!(trace_parent(&format!("cc-{trace}-{parent}-01-what")).is_some());
        for wrong in [
            String::new(),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{trace}-{parent}-01-more"),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{trace}-{parent}"),
        ] {
            assert_eq!(trace_parent(&wrong), None, "{wrong}");
        }
    }
}
