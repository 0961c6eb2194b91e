//! Serves a router over HTTP, with limits on the resources that clients can hold.
//!
//! | a client that | is limited by |
//! |---|---|
//! | opens connections | [`Config::connections`]; more wait in the operating system's queue |
//! | is slow to send a request's head, or idle | [`Config::head`]; the connection is closed |
//! | sends an endless head | [`BUFFER_BYTES`]; 431 |
//! | stops sending a request's body | [`Config::body`]; the handler's read fails, see [`is_body_timeout`] |
//! | stops reading a response | [`Config::write`]; the connection is closed |
//! | begins a TLS handshake and does not end it | [`Config::head`]; the connection is closed |
//! | keeps a request open during a shutdown | [`Config::drain`]; the connection is closed |
//!
//! If a handler panics, the response is a 500 with a problem body. There is no response timeout, because
//! a response may be a stream that lasts for hours; routers set their own. A client that reads slowly but
//! steadily is not disconnected; that is the job of a reverse proxy.

mod args;
#[cfg(test)]
mod tests;
#[cfg(feature = "https")]
mod tls;

use std::any::Any;
use std::error::Error;
use std::future::pending;
use std::iter::successors;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use axum::{BoxError, Router};
use hyper::body::{Body as HttpBody, Incoming};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutError};

use crate::UsageError;

pub use args::TlsArgs;
#[cfg(feature = "https")]
pub use tls::Tls;
#[cfg(feature = "https")]
pub(crate) use tls::connect;

/// A build without the feature `https` has no certificates.
#[cfg(not(feature = "https"))]
#[derive(Clone, Copy, Debug)]
pub enum Tls {}

/// Size of a connection's buffers, which is also the maximum size of a request's head.
pub const BUFFER_BYTES: usize = 32 * 1024;
/// How long the suite's own clients keep an idle connection. It is shorter than [`Config::head`], so that
/// no client sends a request on a connection that the server is closing.
pub const CLIENT_IDLE: Duration = Duration::from_secs(5);
/// Minimum time between two warnings that the connection limit is reached.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// Protocol and limits of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The certificate; without one, the server speaks plain HTTP.
    pub tls: Option<Tls>,
    /// Whether to accept HTTP/2 with prior knowledge in addition to HTTP/1.
    #[cfg(feature = "http2")]
    pub http2: bool,
    /// Maximum number of open connections.
    pub connections: usize,
    /// Time for a request's head, from the start of the connection or the end of the previous response. An
    /// idle connection is closed after this time too.
    pub head: Duration,
    /// Time for each part of a request's body.
    pub body: Duration,
    /// Time for a client to read the next part of a response.
    pub write: Duration,
    /// Time for open requests to finish after a shutdown.
    pub drain: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tls: None,
            #[cfg(feature = "http2")]
            http2: false,
            connections: 768,
            head: Duration::from_secs(10),
            body: Duration::from_secs(5),
            write: Duration::from_secs(10),
            drain: Duration::from_secs(10),
        }
    }
}

/// Listens at `address`.
///
/// # Errors
/// A [`UsageError`] that names the address.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, UsageError> {
    TcpListener::bind(address).await.map_err(|error| {
        UsageError(format!(
            "cannot listen at {address}: {error}; choose another address or port"
        ))
    })
}

/// Serves `router` with the default [`Config`] until `shutdown` is cancelled, then finishes open
/// requests.
///
/// # Errors
/// None. A connection that cannot be accepted is logged.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    serve_with(Config::default(), listener, router, shutdown).await
}

/// Like [`serve`], with other settings.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with(
    config: Config,
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let drain = config.drain;
    // Dropping the set aborts the remaining connections.
    let mut connections = JoinSet::new();
    tokio::select! {
        () = accept(config, listener, router, &shutdown, &mut connections) => {}
        () = shutdown.cancelled() => {}
    }
    let all_closed = async { while connections.join_next().await.is_some() {} };
    if timeout(drain, all_closed).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            ?drain,
            "closing connections whose requests did not finish in time"
        );
    }
    Ok(())
}

/// Accepts connections forever and serves each in its own task.
async fn accept(
    config: Config,
    mut listener: TcpListener,
    router: Router,
    shutdown: &CancellationToken,
    connections: &mut JoinSet<()>,
) {
    let http = protocols(&config);
    let service = ServiceBuilder::new()
        .layer(CatchPanicLayer::custom(panicked))
        .layer(RequestBodyTimeoutLayer::new(config.body))
        // Builds the routes once; otherwise each clone would build them again.
        .service(router.with_state::<()>(()));
    let service = TowerToHyperService::new(service);
    let slots = Arc::new(Semaphore::new(config.connections));
    let mut warned: Option<Instant> = None;
    #[cfg(feature = "https")]
    let warned_plain = tls::Warned::default();
    let limits = Limits {
        head: config.head,
        write: config.write,
    };
    loop {
        if slots.available_permits() == 0 && warned.is_none_or(|at| at.elapsed() > WARNING_INTERVAL)
        {
            warned = Some(Instant::now());
            tracing::warn!(
                limit = config.connections,
                "connection limit reached; new connections wait"
            );
        }
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return; // Unreachable: the semaphore is never closed.
        };
        let (stream, peer) = Listener::accept(&mut listener).await;
        while connections.try_join_next().is_some() {}
        // A child token, because connections would contend for the lock of a shared token.
        let (http, service, stop) = (http.clone(), service.clone(), shutdown.child_token());
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "connection failed");
            continue;
        }
        #[cfg(feature = "https")]
        if let Some(tls) = config.tls.clone() {
            let warned = warned_plain.clone();
            connections.spawn(async move {
                let handshake = timeout(limits.head, tls.accept(stream, peer, &warned));
                let outcome = match handshake.await {
                    Ok(Ok(stream)) => serve_connection(limits, http, stream, service, stop).await,
                    Ok(Err(error)) => Err(error.into()),
                    Err(elapsed) => Err(elapsed.into()),
                };
                if let Err(error) = outcome {
                    tracing::debug!(%peer, %error, "connection failed");
                }
                drop(slot);
            });
            continue;
        }
        connections.spawn(async move {
            if let Err(error) = serve_connection(limits, http, stream, service, stop).await {
                tracing::debug!(%peer, %error, "connection failed");
            }
            drop(slot);
        });
    }
}

fn protocols(config: &Config) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(config.head)
        .max_buf_size(BUFFER_BYTES);
    #[cfg(feature = "http2")]
    if config.http2 {
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(config.head)
            .keep_alive_timeout(config.head)
            .max_header_list_size(BUFFER_BYTES as u32)
            .max_send_buf_size(BUFFER_BYTES);
        return http;
    }
    http.http1_only()
}

/// The limits of a connection.
#[derive(Clone, Copy)]
struct Limits {
    head: Duration,
    write: Duration,
}

/// Serves a connection until it ends. After `stop`, finishes only the requests that have begun.
async fn serve_connection<I, S, B>(
    limits: Limits,
    http: auto::Builder<TokioExecutor>,
    stream: I,
    service: S,
    stop: CancellationToken,
) -> Result<(), BoxError>
where
    I: AsyncRead + AsyncWrite + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>>,
    S::Future: Send + 'static,
    B: HttpBody<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let mut stream = Box::pin(TimeoutWriter::new(stream));
    stream.as_mut().set_timeout_pinned(Some(limits.write));
    let has_request = AtomicBool::new(false);
    let service = service_fn(|request| {
        has_request.store(true, Ordering::Relaxed);
        service.call(request)
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // Neither protocol detection nor HTTP/2 has its own timeout for the head.
    let no_request = async {
        sleep(limits.head).await;
        if has_request.load(Ordering::Relaxed) {
            pending().await
        }
    };
    tokio::select! {
        result = connection.as_mut() => return result,
        () = no_request, if http.is_http2_available() => return Ok(()),
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

/// Whether a request's body could not be read because it did not arrive within [`Config::body`].
pub fn is_body_timeout(error: &(dyn Error + 'static)) -> bool {
    successors(Some(error), |&error| error.source()).any(<dyn Error>::is::<TimeoutError>)
}

/// A response with a problem body (RFC 9457). A 503 has the header `Retry-After: 1`.
pub fn problem(status: StatusCode, body: impl Into<Body>) -> Response {
    let kind = HeaderValue::from_static("application/problem+json");
    let mut response = (status, [(header::CONTENT_TYPE, kind)], body.into()).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let second = HeaderValue::from_static("1");
        response.headers_mut().insert(header::RETRY_AFTER, second);
    }
    response
}

/// The response for a handler that panicked. The panic hook has logged the location.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    let body = r#"{"type":"urn:catchweight:problem:internal","title":"The service failed","status":500,"detail":"the service failed; see its log"}"#;
    problem(StatusCode::INTERNAL_SERVER_ERROR, body)
}
