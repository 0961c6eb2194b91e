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
/// A request is answered within this time.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The limits that all routes share.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    requests: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    trainings: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: Arc::new(Semaphore::new(REQUESTS)),
            bodies: Arc::new(Semaphore::new(BODIES)),
            trainings: Arc::new(Semaphore::new(TRAININGS)),
        }
    }
}

/// A route's share of the limits and metrics.
#[derive(Debug)]
pub(super) struct Guard {
    requests: Arc<Semaphore>,
    bodies: Option<Arc<Semaphore>>,
    metrics: RouteMetrics,
}

impl Limits {
    /// The guard of a route without a body.
    pub(super) fn guard(&self, metrics: &Metrics, route: &'static str) -> Arc<Guard> {
        let requests = Arc::clone(&self.requests);
        Arc::new(Guard {
            requests,
            bodies: None,
            metrics: metrics.route(route),
        })
    }

    /// The guard of a route with a large body.
    pub(super) fn guard_body(&self, metrics: &Metrics, route: &'static str) -> Arc<Guard> {
        let (requests, bodies) = (Arc::clone(&self.requests), Some(Arc::clone(&self.bodies)));
        Arc::new(Guard {
            requests,
            bodies,
            metrics: metrics.route(route),
        })
    }

    /// The guard of the route that trains.
    pub(super) fn guard_training(&self, metrics: &Metrics, route: &'static str) -> Arc<Guard> {
        let (requests, bodies) = (
            Arc::clone(&self.requests),
            Some(Arc::clone(&self.trainings)),
        );
        Arc::new(Guard {
            requests,
            bodies,
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
        let answer = timeout(TIME_LIMIT, self.pass(request, next)).await;
        let response = answer.unwrap_or_else(|_| {
            let detail = format!("no answer within {} s; try again", TIME_LIMIT.as_secs());
            ApiError::new(Kind::Timeout, detail).into_response()
        });
        let (status, took) = (response.status().as_u16(), started.elapsed());
        self.metrics.observe(status, took);
        tracing::debug!(route = self.metrics.route, status, ?took, "answered");
        response
    }

    async fn pass(&self, request: Request, next: Next) -> Response {
        let Ok(_permit) = self.requests.try_acquire() else {
            let detail = format!("more than {REQUESTS} requests at once; try again");
            return ApiError::new(Kind::Overloaded, detail).into_response();
        };
        let _body = match &self.bodies {
            // The semaphore is never closed.
            Some(bodies) => bodies.acquire().await.ok(),
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
    use super::*;

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
