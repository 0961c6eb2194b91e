//! HTTP with limits: what clients can make a service hold, connections, time and memory, is
//! bounded whatever they do.
//!
//! | what a client may do | what bounds it |
//! |---|---|
//! | open connections | [`Config::connections`], and the process's limit of open files; more wait until one ends |
//! | begin a request and not send the rest of its head, or keep a connection without a request | [`Config::head`] |
//! | send a head without end | [`BUFFER_BYTES`]: 431 |
//! | announce a body and not send it | [`Config::body`]: the handler's read fails with [`Stalled`] |
//! | not read the answer | [`Config::write`]; what it costs until then is the handler's to bound, with [`Unsent`] or [`hold`] |
//! | read an answer by drips | [`Config::rate`] |
//! | keep the process from ending | [`Config::drain`] |
//!
//! An answer may be a stream that goes on for hours: only a write that makes no progress ends it, as
//! its size is not known.
//!
//! HTTP/2, where a service speaks it, has the limits of connections and of memory for each of them,
//! but none of time beyond a connection's first request.

mod body;
mod pace;
#[cfg(test)]
mod tests;
mod unsent;

use std::future::pending;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use crate::UsageError;
use crate::files::CONNECTIONS;
use body::Arriving;
pub use body::{Stalled, hold};
use pace::Pace;
pub use unsent::Unsent;

/// What a connection buffers at most, a single larger part of an answer aside; so the largest head
/// of a request too.
pub const BUFFER_BYTES: usize = 32 * 1024;
/// How long our clients keep an idle connection: a server ends it after [`Config::head`], and a request
/// that is sent at that moment fails.
pub const CLIENT_IDLE: Duration = Duration::from_secs(5);
/// What a slow line still does, in bytes a second.
const RATE: NonZeroU32 = NonZeroU32::new(64 * 1024).unwrap();
/// Why a connection is ended whose client reads slowly.
const TOO_SLOW: &str = "the client does not take its answer in time";
/// How often at most the log says that there are too many connections.
const REMINDER: Duration = Duration::from_secs(60);

/// What a server speaks, and what clients may make it hold.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Whether clients may speak HTTP/2 without having asked for it (prior knowledge).
    #[cfg(feature = "http2")]
    pub http2: bool,
    /// Open connections at once; more are not accepted until one ends. The servers of a process
    /// together have as many as its limit of open files allows besides 256 files for the rest.
    pub connections: usize,
    /// A request's head has come within this time, counted from when it could begin: from the
    /// connection's start or the last answer on. So an idle connection is kept for that long too.
    pub head: Duration,
    /// Each next part of a request's body has come within this time.
    pub body: Duration,
    /// A client takes some of an answer within this time, as long as there is some to take.
    pub write: Duration,
    /// A client takes an answer that is larger than [`BUFFER_BYTES`] and whose size is known at this
    /// rate at least, in bytes a second, after the time for a write.
    pub rate: NonZeroU32,
    /// A shutdown waits for accepted requests that long.
    pub drain: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            #[cfg(feature = "http2")]
            http2: false,
            connections: 768,
            head: Duration::from_secs(10),
            body: Duration::from_secs(5),
            write: Duration::from_secs(10),
            rate: RATE,
            drain: Duration::from_secs(10),
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

/// Serves `router` with the default [`Config`] until `shutdown` is cancelled, then finishes the
/// requests that it accepted, for ten seconds at most.
///
/// # Errors
/// None: a connection that cannot be accepted is logged, and the next one is waited for.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    serve_with(Config::default(), listener, router, shutdown).await
}

/// As [`serve`], with other settings.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with(
    config: Config,
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    // Dropped with this future: connections do not outlive it.
    let mut connections = JoinSet::new();
    let accepting = accept(config, listener, router, &shutdown, &mut connections);
    tokio::select! {
        () = accepting => {}
        () = shutdown.cancelled() => {}
    }
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(config.drain, ended).await.is_err() {
        tracing::warn!(
            open = connections.len(),
            drain = ?config.drain,
            "requests are still open after the shutdown's time: they are cut off"
        );
    }
    Ok(())
}

/// Accepts connections for ever, each in a task of its own.
async fn accept(
    config: Config,
    mut listener: TcpListener,
    router: Router,
    shutdown: &CancellationToken,
    connections: &mut JoinSet<()>,
) {
    let http = protocols(config);
    // Makes the routes ready once, in the place of once for each request.
    let router = router.with_state(());
    let places = Arc::new(Semaphore::new(config.connections));
    let mut reminded: Option<Instant> = None;
    loop {
        if (places.available_permits() == 0 || CONNECTIONS.available_permits() == 0)
            && reminded.is_none_or(|reminded| reminded.elapsed() > REMINDER)
        {
            reminded = Some(Instant::now());
            tracing::warn!(
                limit = config.connections,
                left_in_the_process = CONNECTIONS.available_permits(),
                "all connections are taken: new ones wait"
            );
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return; // The semaphore is never closed.
        };
        let (stream, peer) = Listener::accept(&mut listener).await;
        // Only now: a server without clients takes nothing from the others.
        let Ok(file) = Arc::clone(&CONNECTIONS).acquire_owned().await else {
            return; // Nor is this one.
        };
        while connections.try_join_next().is_some() {}
        // A token of its own: all connections would meet at the lock of a shared one.
        let (http, router, stop) = (http.clone(), router.clone(), shutdown.child_token());
        connections.spawn(async move {
            let _place = (place, file);
            if let Err(error) = converse(config, http, stream, router, stop).await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
        });
    }
}

/// How connections are spoken with.
fn protocols(config: Config) -> auto::Builder<TokioExecutor> {
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

/// Answers a connection's requests; after `stop` those that it is at.
async fn converse(
    config: Config,
    http: auto::Builder<TokioExecutor>,
    stream: TcpStream,
    router: Router,
    stop: CancellationToken,
) -> Result<(), axum::BoxError> {
    stream.set_nodelay(true)?;
    let mut stream = Box::pin(TimeoutWriter::new(stream));
    stream.as_mut().set_timeout_pinned(Some(config.write));
    let begun = AtomicBool::new(false);
    let pace = Pace::new(config.write, config.rate);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        begun.store(true, Ordering::Relaxed);
        let request = request.map(|body| Arriving::new(body, config.body));
        let (mut router, pace) = (router.clone(), pace.clone());
        // A connection of HTTP/2 has other answers beside a slow one, and is not ended for it.
        let is_alone = request.version() < hyper::Version::HTTP_2;
        async move {
            let answer = router.call(request).await;
            answer.map(|answer| if is_alone { pace.of(answer) } else { answer })
        }
    });
    let mut serving = pin!(http.serve_connection(TokioIo::new(stream), service));
    let silent = async {
        sleep(config.head).await;
        if begun.load(Ordering::Relaxed) {
            pending().await
        }
    };
    tokio::select! {
        ended = serving.as_mut() => return ended,
        // HTTP/1 sees to it by itself; which protocol it is, the first bytes tell.
        () = silent, if http.is_http2_available() => return Ok(()),
        () = pace.missed() => return Err(TOO_SLOW.into()),
        () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    // Others that wait for the room of this answer are answered before the end.
    tokio::select! {
        ended = serving => ended,
        () = pace.missed() => Err(TOO_SLOW.into()),
    }
}
