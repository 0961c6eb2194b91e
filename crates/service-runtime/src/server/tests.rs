//! Each limit, exceeded by a client on a raw socket.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::*;

/// Longer than any test: for limits that must not take effect.
const LONG: Duration = Duration::from_secs(20);
/// For limits that must take effect.
const SHORT: Duration = Duration::from_millis(100);

const NO_LIMITS: Config = Config {
    tls: None,
    #[cfg(feature = "http2")]
    http2: false,
    connections: 100,
    head: LONG,
    body: LONG,
    write: LONG,
    drain: LONG,
};

async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(LONG, future).await.expect("in time")
}

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    async fn start(config: Config, router: Router) -> Self {
        let listener = listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = serve_with(config, listener, router, shutdown.clone());
        Self {
            address,
            shutdown,
            serving: tokio::spawn(serving),
        }
    }

    /// Opens a connection and sends `text`.
    async fn send(&self, text: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        client.write_all(text.as_bytes()).await.unwrap();
        client
    }

    async fn get(&self) -> TcpStream {
        self.send(GET).await
    }

    async fn ended(self) {
        in_time(self.serving).await.unwrap().unwrap();
    }
}

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Reads until the received text ends with `end`.
async fn read_until(client: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let next = in_time(client.read_u8()).await;
        text.push(next.unwrap_or_else(|_| panic!("no {end:?} in {text:?}")));
    }
    String::from_utf8(text).unwrap()
}

/// Reads until the connection is closed; returns the number of bytes.
async fn read_to_end(client: &mut TcpStream) -> usize {
    let mut buffer = vec![0; 1 << 16];
    let mut read = 0;
    while let Ok(more @ 1..) = in_time(client.read(&mut buffer)).await {
        read += more;
    }
    read
}

fn quick() -> Router {
    Router::new().route("/", get(|| async { "weighed" }))
}

/// A handler that notifies the first value when it is called, and responds when the second is notified.
fn on_demand() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (called, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (notify, wait) = (Arc::clone(&called), Arc::clone(&go));
    let answer = move || async move {
        notify.notify_one();
        wait.notified().await;
        "weighed"
    };
    (Router::new().route("/", get(answer)), called, go)
}

#[tokio::test]
async fn a_connection_without_a_complete_head_is_closed() {
    let config = Config {
        head: SHORT,
        ..NO_LIMITS
    };
    let server = Server::start(config, quick()).await;
    for partial_head in ["", "GET / HTTP/1.1\r\nhost: x\r\nand-so-on: "] {
        let mut client = server.send(partial_head).await;
        assert_eq!(read_to_end(&mut client).await, 0);
    }
    let mut idle = server.get().await;
    read_until(&mut idle, "weighed").await;
    assert_eq!(read_to_end(&mut idle).await, 0);
}

#[tokio::test]
async fn the_head_timeout_does_not_limit_the_handler() {
    let (router, called, go) = on_demand();
    let config = Config {
        head: SHORT,
        ..NO_LIMITS
    };
    let server = Server::start(config, router).await;
    let mut client = server.get().await;
    in_time(called.notified()).await;
    sleep(3 * SHORT).await;
    go.notify_one();
    read_until(&mut client, "weighed").await;
}

#[tokio::test]
async fn an_endless_head_is_a_431() {
    let server = Server::start(NO_LIMITS, quick()).await;
    let endless = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx: {}",
        "x".repeat(BUFFER_BYTES)
    );
    let mut client = server.send(&endless).await;
    let answer = read_until(&mut client, "\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_until_one_ends() {
    let config = Config {
        connections: 1,
        ..NO_LIMITS
    };
    let server = Server::start(config, quick()).await;
    let mut first = server.get().await;
    read_until(&mut first, "weighed").await;
    let mut second = server.get().await;
    let early = timeout(SHORT, second.read_u8()).await;
    assert!(
        early.is_err(),
        "the second connection is served beyond the limit"
    );
    // The first connection is still served.
    first.write_all(GET.as_bytes()).await.unwrap();
    read_until(&mut first, "weighed").await;
    drop(first);
    read_until(&mut second, "weighed").await;
}

#[tokio::test]
async fn a_body_that_does_not_arrive_fails_the_read() {
    let read = |body: Result<Bytes, BytesRejection>| async move {
        match body {
            Ok(_) => "read".into_response(),
            Err(error) if is_body_timeout(&error) => StatusCode::REQUEST_TIMEOUT.into_response(),
            Err(error) => error.into_response(),
        }
    };
    let config = Config {
        body: SHORT,
        ..NO_LIMITS
    };
    let server = Server::start(config, Router::new().route("/", post(read))).await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n";
    let mut half = server.send(&format!("{head}fi")).await;
    let answer = read_until(&mut half, "\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let mut whole = server.send(&format!("{head}fish")).await;
    read_until(&mut whole, "read").await;
}

#[tokio::test]
async fn a_panic_is_a_500_problem_and_the_connection_stays_open() {
    let broken = || async { assert_eq!(1, 2, "on purpose") };
    let server = Server::start(NO_LIMITS, Router::new().route("/", get(broken))).await;
    let mut client = server.get().await;
    for _ in 0..2 {
        let head = read_until(&mut client, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
        assert!(
            head.contains("content-type: application/problem+json"),
            "{head}"
        );
        let body = read_until(&mut client, "}").await;
        assert!(body.contains("urn:catchweight:problem:internal"), "{body}");
        assert!(!body.contains("on purpose"), "{body}");
        client.write_all(GET.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_stops_reading_is_disconnected() {
    // Larger than the socket buffers of both sides.
    const LARGE: usize = 32 << 20;
    let config = Config {
        write: SHORT,
        ..NO_LIMITS
    };
    let large = || async { vec![b'x'; LARGE] };
    let server = Server::start(config, Router::new().route("/", get(large))).await;
    let mut client = server.get().await;
    read_until(&mut client, "\r\n\r\n").await;
    sleep(3 * SHORT).await;
    assert!(read_to_end(&mut client).await < LARGE);
}

#[tokio::test]
async fn a_stream_may_be_idle_longer_than_any_timeout() {
    let (events, receiver) = mpsc::channel::<&str>(1);
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    let answer = move || async move {
        let events = futures::stream::unfold(receiver, |receiver| async {
            let event = receiver.lock().await.recv().await?;
            Some((Ok::<_, std::convert::Infallible>(event), receiver))
        });
        Response::new(Body::from_stream(events))
    };
    let config = Config {
        head: SHORT,
        body: SHORT,
        write: SHORT,
        ..NO_LIMITS
    };
    let server = Server::start(config, Router::new().route("/", get(answer))).await;
    let mut client = server.get().await;
    for event in ["measured", "predicted"] {
        events.send(event).await.unwrap();
        read_until(&mut client, event).await;
        sleep(3 * SHORT).await;
    }
    drop(events);
    read_until(&mut client, "0\r\n\r\n").await;
}

#[tokio::test]
async fn a_shutdown_finishes_open_requests() {
    let (router, called, go) = on_demand();
    let server = Server::start(NO_LIMITS, router).await;
    let mut client = server.get().await;
    in_time(called.notified()).await;
    server.shutdown.cancel();
    go.notify_one();
    read_until(&mut client, "weighed").await;
    server.ended().await;
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_idle_connections() {
    let config = Config {
        drain: 10 * LONG,
        head: 10 * LONG,
        ..NO_LIMITS
    };
    let server = Server::start(config, quick()).await;
    let _new = server.send("").await;
    let mut idle = server.get().await;
    read_until(&mut idle, "weighed").await;
    server.shutdown.cancel();
    server.ended().await;
}

#[tokio::test]
async fn a_shutdown_ends_requests_that_do_not_finish_in_time() {
    let (router, called, _go) = on_demand();
    let config = Config {
        drain: SHORT,
        ..NO_LIMITS
    };
    let server = Server::start(config, router).await;
    let mut client = server.get().await;
    in_time(called.notified()).await;
    server.shutdown.cancel();
    server.ended().await;
    assert_eq!(read_to_end(&mut client).await, 0);
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn http2_connections_without_a_request_are_closed() {
    let config = Config {
        http2: true,
        head: SHORT,
        ..NO_LIMITS
    };
    let server = Server::start(config, quick()).await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let no_settings = "\0\0\0\x04\0\0\0\0\0";
    let mut client = server.send(&format!("{preface}{no_settings}")).await;
    let frame = read_until(&mut client, "\x04\0\0\0\0\0").await;
    assert_eq!(frame.len(), 9, "header of a SETTINGS frame: {frame:?}");
    read_to_end(&mut client).await;
    for partial_preface in ["", "PRI * HTTP"] {
        let mut client = server.send(partial_preface).await;
        assert_eq!(read_to_end(&mut client).await, 0);
    }
    let mut other = server.get().await;
    read_until(&mut other, "weighed").await;
}
