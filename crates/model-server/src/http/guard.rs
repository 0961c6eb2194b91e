//! The middleware of every route: concurrency limits, the request timeout, metrics, the caller's trace id
//! in the logs, and a problem body if the handler panics.

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

/// Time to answer a request, including the wait for a slot.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Limits how many requests of a group of routes run and wait at the same time. Further requests get a 503.
/// A waiting request holds no slot of another pool, and its body has not been read.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    /// Running and waiting requests.
    admitted: Arc<Semaphore>,
    /// Running requests; `None` if none may wait.
    running: Option<Arc<Semaphore>>,
}

impl Pool {
    fn new(running: usize, waiting: usize) -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(running + waiting)),
            running: (waiting > 0).then(|| Arc::new(Semaphore::new(running))),
        }
    }
}

/// The limits of all routes.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    timeout: Duration,
    /// Routes that answer from memory.
    pub(super) quick: Pool,
    /// Routes with a large body.
    pub(super) bodies: Pool,
    /// The route that trains.
    pub(super) trainings: Pool,
    /// Routes that read the store. A response may be several megabytes.
    pub(super) history: Pool,
    /// The route that activates. It has its own pool so that a rollback never waits for readers.
    pub(super) activations: Pool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: TIMEOUT,
            quick: Pool::new(512, 0),
            bodies: Pool::new(8, 120),
            trainings: Pool::new(32, 32),
            history: Pool::new(8, 56),
            activations: Pool::new(4, 28),
        }
    }
}

impl Limits {
    /// The guard of a route whose requests use `pool`.
    pub(super) fn guard(&self, metrics: &Metrics, route: &'static str, pool: &Pool) -> Arc<Guard> {
        Arc::new(Guard {
            pool: pool.clone(),
            timeout: self.timeout,
            metrics: metrics.route(route),
        })
    }
}

/// The limits and metrics of one route.
#[derive(Debug)]
pub(super) struct Guard {
    pool: Pool,
    timeout: Duration,
    metrics: RouteMetrics,
}

/// The middleware. It is a single function, because a stack of `tower` layers with the same limits needs
/// two more allocations per request and cannot queue.
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
    async fn answer(&self, request: Request, next: Next) -> Response {
        let started = Instant::now();
        let _in_flight = self.metrics.enter();
        let response = match timeout(self.timeout, self.run(request, next)).await {
            Ok(response) => response,
            Err(_) => {
                let detail = format!("no answer within {:?}; try again", self.timeout);
                ApiError::new(Kind::Timeout, detail).into_response()
            }
        };
        let (status, took) = (response.status().as_u16(), started.elapsed());
        self.metrics.observe(status, took);
        tracing::debug!(route = self.metrics.route, status, ?took, "answered");
        response
    }

    async fn run(&self, request: Request, next: Next) -> Response {
        let Ok(_admitted) = self.pool.admitted.try_acquire() else {
            let detail = "too many requests of this kind are running or waiting; try again";
            return ApiError::new(Kind::Overloaded, detail).into_response();
        };
        let _running = match &self.pool.running {
            Some(running) => Some(running.acquire().await),
            None => None,
        };
        // The server catches panics too, but does not count them.
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(_) => {
                tracing::error!(route = self.metrics.route, "a request handler panicked");
                ApiError::internal().into_response()
            }
        }
    }
}

/// A span with the caller's trace, if the caller sent one (W3C Trace Context).
fn trace_span(headers: &HeaderMap, route: &'static str) -> Option<Span> {
    let (trace_id, parent_id) = trace_parent(headers.get("traceparent")?.to_str().ok()?)?;
    Some(tracing::info_span!("request", route, trace_id, parent_id))
}

/// The trace id and parent id of a `traceparent` header.
fn trace_parent(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    // Later versions may have more parts; version 00 has these four.
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
    use futures::stream::{FuturesUnordered, StreamExt};
    use service_runtime::{CancellationToken, ops, server};

    use pipeline::Definition;

    use super::*;
    use model_store::LiveSlot;

    /// Starts a server and returns its URL. Each route runs one request at a time: `/held` and `/queued`
    /// wait for a permit of `go`, `/broken` panics. One request may wait for `/queued`.
    async fn serve(go: &Arc<Semaphore>, timeout: Duration) -> String {
        let limits = Limits {
            timeout,
            quick: Pool::new(1, 0),
            trainings: Pool::new(1, 1),
            ..Limits::default()
        };
        let metrics = Metrics::register(
            &mut ops::registry(),
            Definition::shipped(),
            LiveSlot::default(),
        );
        let behind = |pool| from_fn_with_state(limits.guard(&metrics, "test", pool), guard);
        let go = Arc::clone(go);
        let held = move || async move { go.acquire().await.unwrap().forget() };
        let broken = || async { assert_eq!(1, 2, "on purpose") };
        let router = Router::new()
            .route("/queued", get(held.clone()))
            .layer(behind(&limits.trainings))
            .route("/free", get(|| async {}).layer(behind(&limits.quick)))
            .route("/held", get(held).layer(behind(&limits.quick)))
            .route("/broken", get(broken).layer(behind(&limits.quick)));
        let listener = server::listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(server::serve(listener, router, CancellationToken::new()));
        url
    }

    async fn status_and_kind(url: String) -> (u16, String) {
        let response = timeout(3 * TIMEOUT, reqwest::get(url)).await;
        let response = response.unwrap().unwrap();
        let status = response.status().as_u16();
        let body = response.text().await.unwrap();
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let kind = problem["type"].as_str().unwrap_or_default();
        let kind = kind.trim_start_matches("urn:catchweight:problem:");
        (status, kind.to_owned())
    }

    #[tokio::test]
    async fn requests_beyond_the_limit_are_rejected_until_a_slot_is_free() {
        let go = Arc::new(Semaphore::new(0));
        let url = serve(&go, TIMEOUT).await;
        let held = || status_and_kind(format!("{url}/held"));
        // One request runs, the other is rejected.
        let both = futures::future::select(Box::pin(held()), Box::pin(held()));
        let (rejected, other) = both.await.factor_first();
        assert_eq!(rejected, (503, "overloaded".into()));
        go.add_permits(2);
        assert_eq!(other.await.0, 200);
        assert_eq!(held().await.0, 200);
    }

    #[tokio::test]
    async fn waiting_requests_are_bounded_and_block_no_other_pool() {
        let go = Arc::new(Semaphore::new(0));
        let url = serve(&go, TIMEOUT).await;
        let queued = || status_and_kind(format!("{url}/queued"));
        // One runs, one waits, the third is rejected.
        let mut all: FuturesUnordered<_> = (0..3).map(|_| queued()).collect();
        assert_eq!(all.next().await.unwrap(), (503, "overloaded".into()));
        assert_eq!(status_and_kind(format!("{url}/free")).await.0, 200);
        go.add_permits(2);
        while let Some((status, _)) = all.next().await {
            assert_eq!(status, 200);
        }
    }

    #[tokio::test]
    async fn a_request_that_times_out_is_a_503_and_frees_its_slot() {
        let go = Arc::new(Semaphore::new(0));
        let url = serve(&go, Duration::from_millis(20)).await;
        let held = || status_and_kind(format!("{url}/held"));
        for _ in 0..2 {
            assert_eq!(held().await, (503, "timeout".into()));
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_500_and_frees_its_slot() {
        let go = Arc::new(Semaphore::new(1));
        let url = serve(&go, TIMEOUT).await;
        let broken = status_and_kind(format!("{url}/broken")).await;
        assert_eq!(broken, (500, "internal".into()));
        assert_eq!(status_and_kind(format!("{url}/held")).await.0, 200);
    }

    #[test]
    fn only_a_valid_trace_parent_is_used() {
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
