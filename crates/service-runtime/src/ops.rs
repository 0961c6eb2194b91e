//! The endpoints that operators and orchestrators use.
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200 while the process runs its event loop |
//! | `/readyz` | 200 when the service does its job, else 503 with the reason |
//! | `/metrics` | the registry in OpenMetrics text |

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::UsageError;

/// How long a shutdown waits for the requests that were accepted.
const DRAIN: Duration = Duration::from_secs(10);

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
        .merge(
            Router::new()
                .route("/metrics", get(metrics))
                .with_state(registry),
        )
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

/// Listens at `address`.
///
/// # Errors
/// A [`UsageError`] that names the address and says what to do.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, UsageError> {
    TcpListener::bind(address).await.map_err(|error| {
        UsageError(format!(
            "cannot listen at {address}: {error}; choose another address or port"
        ))
    })
}

/// Serves `router` until `shutdown` is cancelled, then finishes the requests that it accepted, for
/// ten seconds at most: a client that never sends the rest of its request must not keep the process.
///
/// # Errors
/// Where the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    serve_and_drain(listener, router, shutdown, DRAIN).await
}

async fn serve_and_drain(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    drain: Duration,
) -> anyhow::Result<()> {
    let stop = shutdown.clone().cancelled_owned();
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop);
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        served = serving.into_future() => Ok(served?),
        () = overdue => {
            tracing::warn!(?drain, "requests are still open after the shutdown's time: they are cut off");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::Notify;
    use tokio::time::timeout;

    use super::*;

    const TEST: Duration = Duration::from_secs(20);

    /// A server with one request that has been accepted and is answered when `go` is told.
    struct Serving {
        server: tokio::task::JoinHandle<anyhow::Result<()>>,
        shutdown: CancellationToken,
        client: TcpStream,
        go: Arc<Notify>,
    }

    impl Serving {
        async fn start(drain: Duration) -> Self {
            let (go, accepted) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let (wait, tell) = (Arc::clone(&go), Arc::clone(&accepted));
            let answer = move || async move {
                tell.notify_one();
                wait.notified().await;
                "weighed"
            };
            let listener = listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let shutdown = CancellationToken::new();
            let router = Router::new().route("/", get(answer));
            let server = serve_and_drain(listener, router, shutdown.clone(), drain);
            let server = tokio::spawn(server);
            let mut client = TcpStream::connect(address).await.expect("a connection");
            let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
            client.write_all(request).await.expect("sent");
            let accepted = timeout(TEST, accepted.notified()).await;
            accepted.expect("accepted in time");
            Self {
                server,
                shutdown,
                client,
                go,
            }
        }

        async fn ended(self) {
            let ended = timeout(TEST, self.server).await.expect("it ends");
            ended.expect("no panic").expect("no error");
        }
    }

    #[tokio::test]
    async fn a_shutdown_finishes_the_request_that_was_accepted() {
        let mut serving = Serving::start(TEST).await;
        serving.shutdown.cancel();
        serving.go.notify_one();
        let mut answer = String::new();
        let read = serving.client.read_to_string(&mut answer);
        let read = timeout(TEST, read).await.expect("in time");
        read.expect("an answer");
        assert!(answer.ends_with("weighed"), "{answer}");
        serving.ended().await;
    }

    #[tokio::test]
    async fn a_shutdown_does_not_wait_for_ever_for_a_request_that_does_not_end() {
        let serving = Serving::start(Duration::from_millis(50)).await;
        serving.shutdown.cancel();
        serving.ended().await;
    }

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
