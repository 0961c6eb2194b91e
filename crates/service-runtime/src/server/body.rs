//! Bodies: a request's must arrive, an answer's holds what it costs until the client has taken it.

use std::error::Error;
use std::iter::successors;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

/// The error of a request's body of which nothing more came in time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("nothing more of the request's body came within {0:?}")]
pub struct Stalled(pub Duration);

impl Stalled {
    /// Whether this is why a body could not be read.
    pub fn caused(error: &(dyn Error + 'static)) -> bool {
        successors(Some(error), |&error| error.source()).any(<dyn Error>::is::<Self>)
    }
}

/// A request's body, each part of which must arrive within a time.
#[derive(Debug)]
pub(super) struct Arriving {
    body: Incoming,
    within: Duration,
    /// Set while a part is waited for.
    overdue: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    pub(super) fn new(body: Incoming, within: Duration) -> Self {
        Self {
            body,
            within,
            overdue: None,
        }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.overdue = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let within = self.within;
        let overdue = self.overdue.get_or_insert_with(|| Box::pin(sleep(within)));
        ready!(overdue.as_mut().poll(context));
        Poll::Ready(Some(Err(Stalled(within).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer that keeps `guard` until the last byte of its body was handed to the operating
/// system, or the connection ended.
///
/// The server takes a whole body at once when it begins to write it, so that a guard that lives as
/// long as the body would be dropped before its memory is.
pub fn hold<G: Send + Sync + 'static>(answer: Response, guard: G) -> Response {
    let guard = Arc::new(guard);
    answer.map(|body| Body::new(Held { body, guard }))
}

struct Held<G> {
    body: Body,
    guard: Arc<G>,
}

/// A part of a body.
struct Part<G> {
    bytes: Bytes,
    _guard: Arc<G>,
}

impl<G> AsRef<[u8]> for Part<G> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<G: Send + Sync + 'static> HttpBody for Held<G> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let part = |bytes| {
            Bytes::from_owner(Part {
                bytes,
                _guard: Arc::clone(&self.guard),
            })
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
