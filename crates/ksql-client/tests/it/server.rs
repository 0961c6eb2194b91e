//! A server that replays recordings, and runs of the client against it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, Response};
use clap::Parser;
use futures::StreamExt;
use ksql_client::KsqlArgs;
use service_runtime::CancellationToken;
use tokio::sync::watch;

use crate::recordings::Recording;

const LIMIT: Duration = Duration::from_secs(30);

/// A request that the server has received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: serde_json::Value,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    exchanges: Arc<Mutex<VecDeque<Recording>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Expects these exchanges in this order. Any other request gets status 418.
    pub(crate) async fn start(exchanges: impl IntoIterator<Item = Recording>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start_on(listener, exchanges)
    }

    pub(crate) fn start_on(
        listener: tokio::net::TcpListener,
        exchanges: impl IntoIterator<Item = Recording>,
    ) -> Self {
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            exchanges: Arc::new(Mutex::new(exchanges.into_iter().collect())),
            received: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        server
    }

    /// Replays the recordings with these numbers.
    pub(crate) async fn replay(numbers: &[&str]) -> Self {
        Self::start(numbers.iter().map(|number| Recording::read(number))).await
    }

    /// The requests so far. All expected requests must have arrived.
    pub(crate) fn requests(&self) -> Vec<Received> {
        let left = self.exchanges.lock().unwrap();
        assert!(left.is_empty(), "not requested: {left:?}");
        self.received.lock().unwrap().clone()
    }

    /// Runs the client with these arguments to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Outcome {
        let (out, stop) = (Output::default(), CancellationToken::new());
        let result = self.run_to(args, &out, &stop).await;
        Outcome {
            out: out.text(),
            result,
        }
    }

    pub(crate) async fn run_to(
        &self,
        args: &[&str],
        out: &Output,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let args = [&["ksql", "--server", &self.url], args].concat();
        let args = Cli::parse_from(args).ksql;
        let (mut out, mut err) = (out.clone(), Output::default());
        let run = ksql_client::run::run_with(args, stop.clone(), &mut out, &mut err);
        tokio::time::timeout(LIMIT, run)
            .await
            .expect("the client finishes in time")
    }
}

#[derive(Parser)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) ksql: KsqlArgs,
}

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) out: String,
    result: anyhow::Result<()>,
}

impl Outcome {
    /// The output of a successful run.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        match self.result {
            Ok(()) => self.out,
            Err(error) => panic!("{error:#}\nafter: {}", self.out),
        }
    }

    /// The error of a failed run.
    #[track_caller]
    pub(crate) fn error(self) -> anyhow::Error {
        self.result.expect_err(&self.out)
    }
}

async fn answer(State(server): State<Server>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let authorization = head.headers.get("authorization");
    let received = Received {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    server.received.lock().unwrap().push(received.clone());
    let ksql = received.body["ksql"].as_str().map(str::trim);
    let mut exchanges = server.exchanges.lock().unwrap();
    let expected = exchanges.front().is_some_and(|next| {
        (&next.method, &next.path, next.ksql.as_deref()) == (&received.method, &received.path, ksql)
    });
    let Some(next) = exchanges.pop_front().filter(|_| expected) else {
        let text = format!("unexpected: {received:?}");
        return Response::builder().status(418).body(text.into()).unwrap();
    };
    let mut response = Response::builder().status(next.status);
    if let Some(content_type) = next.content_type {
        response = response.header("content-type", content_type);
    }
    let pieces =
        futures::stream::iter(next.body).map(|piece| Ok::<_, io::Error>(Bytes::from(piece)));
    response
        .body(match next.ended {
            true => Body::from_stream(pieces),
            false => Body::from_stream(pieces.chain(futures::stream::pending())),
        })
        .unwrap()
}

/// An output that a test can watch.
#[derive(Clone)]
pub(crate) struct Output(Arc<watch::Sender<Vec<u8>>>);

impl Default for Output {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Vec::new())))
    }
}

impl Output {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }

    /// Waits until the output contains this.
    pub(crate) async fn until(&self, text: &str) {
        let mut written = self.0.subscribe();
        let has = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).contains(text);
        let found = tokio::time::timeout(LIMIT, written.wait_for(has)).await;
        assert!(
            found.is_ok(),
            "`{text}` is not in the output: {}",
            self.text()
        );
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .send_modify(|written| written.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
