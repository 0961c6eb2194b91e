//! Clients that want too much, over raw sockets.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::*;

/// What no test takes, and what a limit is that a test does not reach.
const LONG: Duration = Duration::from_secs(20);
/// A limit that a test reaches.
const SHORT: Duration = Duration::from_millis(100);
/// More than the sockets of both sides hold.
const LARGE: usize = 32 << 20;

const UNREACHED: Config = Config {
    #[cfg(feature = "http2")]
    http2: false,
    connections: 100,
    head: LONG,
    body: LONG,
    write: LONG,
    rate: NonZeroU32::MIN,
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

    /// A connection on which something was sent.
    async fn send(&self, text: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        client.write_all(text.as_bytes()).await.unwrap();
        client
    }

    async fn get(&self) -> TcpStream {
        self.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await
    }

    async fn ended(self) {
        in_time(self.serving).await.unwrap().unwrap();
    }
}

/// Reads until what came ends like this; a whole answer mostly.
async fn read_until(client: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let next = in_time(client.read_u8()).await;
        text.push(next.unwrap_or_else(|_| panic!("no {end:?} in {text:?}")));
    }
    String::from_utf8(text).unwrap()
}

/// How many bytes still come until the server ends the connection.
async fn read_to_the_end(client: &mut TcpStream) -> usize {
    let (mut read, mut buffer) = (0, vec![0; 1 << 20]);
    // A connection that is broken off with unread bytes ends with an error.
    while let Ok(more @ 1..) = in_time(client.read(&mut buffer)).await {
        read += more;
    }
    read
}

fn weighed() -> Router {
    Router::new().route("/", get(|| async { "weighed" }))
}

/// A handler that tells when it was called, and answers when it is told.
fn on_demand() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (called, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&called), Arc::clone(&go));
    let answer = move || async move {
        tell.notify_one();
        wait.notified().await;
        "weighed"
    };
    (Router::new().route("/", get(answer)), called, go)
}

#[tokio::test]
async fn a_connection_without_a_whole_head_in_time_is_closed() {
    let config = Config {
        head: SHORT,
        ..UNREACHED
    };
    let server = Server::start(config, weighed()).await;
    for begun in ["", "GET / HTTP/1.1\r\nhost: x\r\nand-so-on: "] {
        let mut client = server.send(begun).await;
        assert_eq!(read_to_the_end(&mut client).await, 0);
    }
    let mut idle = server.get().await;
    read_until(&mut idle, "weighed").await;
    assert_eq!(read_to_the_end(&mut idle).await, 0);
}

#[tokio::test]
async fn the_time_for_the_head_does_not_run_while_an_answer_is_waited_for() {
    let (router, called, go) = on_demand();
    let config = Config {
        head: SHORT,
        ..UNREACHED
    };
    let server = Server::start(config, router).await;
    let mut client = server.get().await;
    in_time(called.notified()).await;
    sleep(3 * SHORT).await;
    go.notify_one();
    read_until(&mut client, "weighed").await;
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let server = Server::start(UNREACHED, weighed()).await;
    let endless = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx: {}",
        "x".repeat(BUFFER_BYTES)
    );
    let mut client = server.send(&endless).await;
    let answer = read_until(&mut client, "\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn more_connections_than_the_limit_wait_until_one_ends() {
    let config = Config {
        connections: 1,
        ..UNREACHED
    };
    let server = Server::start(config, weighed()).await;
    let mut first = server.get().await;
    read_until(&mut first, "weighed").await;
    let mut second = server.get().await;
    let early = timeout(SHORT, second.read_u8()).await;
    assert!(early.is_err(), "it was answered beyond the limit");
    // The first one is still served.
    first
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut first, "weighed").await;
    drop(first);
    read_until(&mut second, "weighed").await;
}

#[tokio::test]
async fn a_body_that_does_not_come_fails_the_read_of_it() {
    let read = |body: Result<Bytes, BytesRejection>| async move {
        match body {
            Ok(_) => "read".into_response(),
            Err(error) if Stalled::caused(&error) => StatusCode::REQUEST_TIMEOUT.into_response(),
            Err(error) => error.into_response(),
        }
    };
    let config = Config {
        body: SHORT,
        ..UNREACHED
    };
    let server = Server::start(config, Router::new().route("/", post(read))).await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n";
    let mut half = server.send(&format!("{head}fi")).await;
    let answer = read_until(&mut half, "\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let mut whole = server.send(&format!("{head}fish")).await;
    read_until(&mut whole, "read").await;
}

/// An answer of [`LARGE`] bytes that holds the one permit.
fn large(permit: &Arc<Semaphore>) -> Router {
    let permit = Arc::clone(permit);
    let answer = move || async move {
        let permit = permit.acquire_owned().await.unwrap();
        hold(Body::from(vec![b'x'; LARGE]).into_response(), permit)
    };
    Router::new().route("/", get(answer))
}

#[tokio::test]
async fn an_answer_that_is_not_read_holds_its_permit_until_the_connection_is_given_up() {
    let permit = Arc::new(Semaphore::new(1));
    let config = Config {
        write: SHORT,
        ..UNREACHED
    };
    let server = Server::start(config, large(&permit)).await;
    let mut client = server.get().await;
    let head = read_until(&mut client, "\r\n\r\n").await;
    assert!(
        head.contains(&format!("content-length: {LARGE}\r\n")),
        "{head}"
    );
    assert_eq!(permit.available_permits(), 0, "it is in memory");
    drop(in_time(permit.acquire()).await.unwrap());
    assert!(read_to_the_end(&mut client).await < LARGE);
}

#[tokio::test]
async fn an_answer_that_was_read_makes_room_for_the_next_on_the_same_connection() {
    let permit = Arc::new(Semaphore::new(1));
    let server = Server::start(UNREACHED, large(&permit)).await;
    let mut client = server.get().await;
    for _ in 0..2 {
        read_until(&mut client, "\r\n\r\n").await;
        let mut answer = vec![0; LARGE];
        in_time(client.read_exact(&mut answer)).await.unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_slow_reader_may_take_longer_than_the_time_for_a_write() {
    let config = Config {
        write: 10 * SHORT,
        ..UNREACHED
    };
    let server = Server::start(config, large(&Arc::new(Semaphore::new(1)))).await;
    let mut client = server.get().await;
    read_until(&mut client, "\r\n\r\n").await;
    let mut part = vec![0; LARGE / 16];
    for _ in 0..16 {
        sleep(SHORT).await;
        in_time(client.read_exact(&mut part)).await.unwrap();
    }
}

#[tokio::test]
async fn a_reader_that_takes_an_answer_by_drips_is_given_up() {
    let config = Config {
        write: 10 * SHORT,
        rate: NonZeroU32::MAX,
        ..UNREACHED
    };
    let permit = Arc::new(Semaphore::new(1));
    let server = Server::start(config, large(&permit)).await;
    let mut client = server.get().await;
    read_until(&mut client, "\r\n\r\n").await;
    let mut part = vec![0; 1 << 20];
    let mut read = 0;
    while let Ok(more @ 1..) = in_time(client.read(&mut part)).await {
        read += more;
        sleep(SHORT).await;
    }
    assert!(read < LARGE, "it was sent whole");
    drop(in_time(permit.acquire()).await.unwrap());
}

#[tokio::test]
async fn an_answer_that_is_not_taken_gives_way_to_the_next_one() {
    let unsent = Arc::new(Unsent::of_kib(LARGE as u32 / 1024));
    let answer = move || async move {
        let answer = Body::from(vec![b'x'; LARGE]).into_response();
        unsent.hold(answer).await
    };
    let router = Router::new().route("/", get(answer));
    let config = Config {
        write: 10 * LONG,
        ..UNREACHED
    };
    let server = Server::start(config, router).await;
    let mut slow = server.get().await;
    read_until(&mut slow, "\r\n\r\n").await;
    for _ in 0..2 {
        let mut other = server.get().await;
        read_until(&mut other, "\r\n\r\n").await;
        let mut answer = vec![0; LARGE];
        in_time(other.read_exact(&mut answer)).await.unwrap();
    }
    assert!(read_to_the_end(&mut slow).await < LARGE);
}

#[tokio::test]
async fn a_stream_may_be_silent_for_longer_than_the_time_for_a_write() {
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
        write: SHORT,
        head: SHORT,
        ..UNREACHED
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
async fn a_shutdown_finishes_the_request_that_was_accepted() {
    let (router, called, go) = on_demand();
    let server = Server::start(UNREACHED, router).await;
    let mut client = server.get().await;
    in_time(called.notified()).await;
    server.shutdown.cancel();
    go.notify_one();
    read_until(&mut client, "weighed").await;
    server.ended().await;
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_connections_without_a_request() {
    let config = Config {
        drain: 10 * LONG,
        head: 10 * LONG,
        ..UNREACHED
    };
    let server = Server::start(config, weighed()).await;
    let _new = server.send("").await;
    let mut idle = server.get().await;
    read_until(&mut idle, "weighed").await;
    server.shutdown.cancel();
    server.ended().await;
}

#[tokio::test]
async fn a_shutdown_cuts_off_the_request_that_does_not_end() {
    let (router, called, _go) = on_demand();
    let config = Config {
        drain: SHORT,
        ..UNREACHED
    };
    let server = Server::start(config, router).await;
    let mut client = server.get().await;
    in_time(called.notified()).await;
    server.shutdown.cancel();
    server.ended().await;
    assert_eq!(read_to_the_end(&mut client).await, 0);
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn http2_is_spoken_with_whom_knows_it_and_a_connection_without_a_request_is_closed() {
    let config = Config {
        http2: true,
        head: SHORT,
        ..UNREACHED
    };
    let server = Server::start(config, weighed()).await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let no_settings = "\0\0\0\x04\0\0\0\0\0";
    let mut client = server.send(&format!("{preface}{no_settings}")).await;
    let frame = read_until(&mut client, "\x04\0\0\0\0\0").await;
    assert_eq!(frame.len(), 9, "the head of a frame of settings: {frame:?}");
    read_to_the_end(&mut client).await;
    for begun in ["", "PRI * HTTP"] {
        let mut client = server.send(begun).await;
        assert_eq!(read_to_the_end(&mut client).await, 0);
    }
    let mut other = server.get().await;
    read_until(&mut other, "weighed").await;
}
