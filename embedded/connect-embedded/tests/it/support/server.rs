//! An HTTP server with scripted responses that records its requests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use test_support::within;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Clone)]
struct Shared {
    statuses: Arc<Mutex<VecDeque<u16>>>,
    requests: Arc<watch::Sender<Vec<Request>>>,
    /// Each response needs a permit.
    gate: Arc<Semaphore>,
}

/// The server; it ends with its runtime.
pub(crate) struct Server {
    pub(crate) url: String,
    shared: Shared,
}

impl Server {
    /// Responds with these statuses in order, then always with 200.
    pub(crate) async fn answering(statuses: &[u16]) -> Self {
        Self::start(statuses, Semaphore::MAX_PERMITS).await
    }

    /// Does not respond until [`Server::open`].
    pub(crate) async fn closed() -> Self {
        Self::start(&[], 0).await
    }

    async fn start(statuses: &[u16], permits: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Shared {
            statuses: Arc::new(Mutex::new(statuses.iter().copied().collect())),
            requests: Arc::new(watch::Sender::new(Vec::new())),
            gate: Arc::new(Semaphore::new(permits)),
        };
        let router = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    pub(crate) fn open(&self) {
        self.shared.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// The requests so far, once there are `count`.
    pub(crate) async fn requests(&self, count: usize) -> Vec<Request> {
        let mut requests = self.shared.requests.subscribe();
        within(
            &format!("{count} requests"),
            requests.wait_for(|requests| requests.len() >= count),
        )
        .await
        .expect("the server is running")
        .clone()
    }
}

async fn answer(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let number = shared.requests.borrow().len();
    shared.requests.send_modify(|requests| {
        requests.push(Request {
            method,
            path: uri.path().to_owned(),
            headers,
            body,
        });
    });
    let permit = shared.gate.acquire().await.expect("an open semaphore");
    permit.forget();
    let status = shared
        .statuses
        .lock()
        .expect("no panic")
        .pop_front()
        .unwrap_or(200);
    let status = StatusCode::from_u16(status).expect("a status");
    (status, format!("answer \"{number}\""))
}
