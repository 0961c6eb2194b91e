//! What every request passes: the limits of its kind, the time limit, metrics, the trace's id in the
//! logs, a panic that stays this request's.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use service_runtime::server::Unsent;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::{Instrument, Span};

use super::problem::{ApiError, Kind};
use crate::metrics::{Metrics, RouteMetrics};

/// Requests at the same moment on routes that answer at once; more are turned away.
const REQUESTS: usize = 512;
/// What answers that their clients have not taken yet may hold for each kind of route, in KiB.
const UNSENT_KIB: u32 = 32 * 1024;
/// A request is answered within this time.
const TIME: Duration = Duration::from_secs(10);

/// The limits that all routes share.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    requests: Arc<Semaphore>,
    time: Duration,
    /// For routes with a large body.
    pub(super) bodies: Arc<Room>,
    /// For the route that trains: its requests wait for a training.
    pub(super) trainings: Arc<Room>,
    /// For routes that read the store, a page of which may be megabytes.
    pub(super) history: Arc<Room>,
    /// For the route that activates, which holds a version with its rows: a rollback does not wait
    /// for readers.
    pub(super) activations: Arc<Room>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: Arc::new(Semaphore::new(REQUESTS)),
            time: TIME,
            bodies: Room::new(8, 120),
            trainings: Room::new(32, 32),
            history: Room::new(8, 56),
            activations: Room::new(4, 28),
        }
    }
}

/// Where requests of a kind take turns. One that waits holds no other limit, and its body is not
/// read yet.
#[derive(Debug)]
pub(super) struct Room {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    unsent: Unsent,
}

impl Room {
    /// For so many at the same moment, and so many that wait; more are turned away.
    fn new(at_once: usize, waiting: usize) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(at_once + waiting)),
            turns: Arc::new(Semaphore::new(at_once)),
            unsent: Unsent::of_kib(UNSENT_KIB),
        })
    }

    /// A turn when it has come; none where too many wait for one already.
    async fn turn(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        Some([turn, place])
    }
}

/// A route's share of the limits and metrics.
#[derive(Debug)]
pub(super) struct Guard {
    requests: Arc<Semaphore>,
    room: Option<Arc<Room>>,
    time: Duration,
    metrics: RouteMetrics,
}

impl Limits {
    /// The guard of a route whose requests take turns where there is a `room` for that.
    pub(super) fn guard(
        &self,
        metrics: &Metrics,
        route: &'static str,
        room: Option<&Arc<Room>>,
    ) -> Arc<Guard> {
        Arc::new(Guard {
            requests: Arc::clone(&self.requests),
            room: room.cloned(),
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
        if let Some(room) = &self.room {
            let Some(_turn) = room.turn().await else {
                return overloaded();
            };
            // The turn ends before the client has taken the answer: one that reads slowly keeps none.
            return room.unsent.hold(self.run(request, next).await).await;
        }
        let Ok(_permit) = self.requests.try_acquire() else {
            return overloaded();
        };
        self.run(request, next).await
    }

    async fn run(&self, request: Request, next: Next) -> Response {
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

fn overloaded() -> Response {
    let detail = "more such requests than are answered at once or may wait; try again";
    ApiError::new(Kind::Overloaded, detail).into_response()
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
    use futures::stream::{FuturesUnordered, StreamExt};
    use service_runtime::{CancellationToken, ops, server};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::live::Live;

    /// Where a server is that takes one request at a time: `/held` and `/turn` are answered when
    /// `go` has a permit, `/broken` panics. For a turn one request may wait.
    async fn serve(go: &Arc<Semaphore>, time: Duration) -> String {
        let limits = Limits {
            requests: Arc::new(Semaphore::new(1)),
            trainings: Room::new(1, 1),
            time,
            ..Limits::default()
        };
        let metrics = Metrics::register(&mut ops::registry(), Live::default());
        let behind = |room| from_fn_with_state(limits.guard(&metrics, "test", room), guard);
        let go = Arc::clone(go);
        let held = move || async move { go.acquire().await.unwrap().forget() };
        let broken = || async { assert_eq!(1, 2, "on purpose") };
        let router = Router::new()
            .route("/turn", get(held.clone()))
            .route("/large", get(|| async { vec![b'x'; 8 << 20] }))
            .layer(behind(Some(&limits.trainings)))
            .route("/free", get(|| async {}).layer(behind(None)))
            .route("/held", get(held).layer(behind(None)))
            .route("/broken", get(broken).layer(behind(None)));
        let listener = server::listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(server::serve(listener, router, CancellationToken::new()));
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
    async fn requests_that_wait_for_a_turn_take_no_room_from_others_and_are_bounded() {
        let go = Arc::new(Semaphore::new(0));
        let url = serve(&go, TIME).await;
        let turn = || status_and_kind(format!("{url}/turn"));
        // One has the turn, one waits, the third is turned away, whichever it is.
        let mut all: FuturesUnordered<_> = (0..3).map(|_| turn()).collect();
        assert_eq!(all.next().await.unwrap(), (503, "overloaded".into()));
        assert_eq!(status_and_kind(format!("{url}/free")).await.0, 200);
        go.add_permits(2);
        while let Some((status, _)) = all.next().await {
            assert_eq!(status, 200);
        }
    }

    #[tokio::test]
    async fn who_does_not_take_a_large_answer_keeps_no_turn() {
        let url = serve(&Arc::new(Semaphore::new(0)), TIME).await;
        let host = url.trim_start_matches("http://");
        let mut slow = Vec::new();
        for _ in 0..3 {
            let mut client = TcpStream::connect(host).await.unwrap();
            let request = b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n";
            client.write_all(request).await.unwrap();
            // It was answered, but is not read to the end.
            let mut status = [0; 12];
            let read = timeout(TIME, client.read_exact(&mut status)).await;
            read.unwrap().unwrap();
            assert_eq!(&status, b"HTTP/1.1 200");
            slow.push(client);
        }
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
