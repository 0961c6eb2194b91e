//! Streaming response bodies: a header, the rows as they come, and the end.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::{ApiError, SERVER_ERROR};
use crate::open_queries::OpenGuard;
use crate::query::rows::{Encoding, End};
use ksql_engine::schema::Column;

/// The size of a chunk, in bytes. The next one is computed when the client has received this one.
pub(super) const CHUNK: usize = 32 * 1024;

/// A source of rows. Dropping it ends the query.
pub(super) trait RowSource: Send + 'static {
    /// Waits for rows and appends about [`CHUNK`] bytes of them. Returns the end, if it is reached.
    fn gather(
        &mut self,
        bytes: &mut Vec<u8>,
    ) -> impl Future<Output = Result<Option<End>, String>> + Send;
}

/// An open query.
pub(super) struct Answer<S> {
    pub(super) source: S,
    pub(super) encoding: Encoding,
    pub(super) _open: OpenGuard,
    pub(super) _permit: OwnedSemaphorePermit,
}

impl<S: RowSource> Answer<S> {
    /// The response to a query with these columns.
    pub(super) fn response(self, id: &str, columns: &[Column]) -> Response {
        let headers = [(CONTENT_TYPE, self.encoding.content_type())];
        let first = self.encoding.header(id, columns);
        let parts = stream::unfold(Part::Header(first, self), |part| async move {
            let (bytes, next) = part.next().await?;
            Some((Ok::<_, Infallible>(bytes), next))
        });
        (headers, Body::from_stream(parts)).into_response()
    }

    /// The next rows, and whether they are the last.
    async fn rows(&mut self) -> (Bytes, bool) {
        let mut bytes = Vec::new();
        let ends = match self.source.gather(&mut bytes).await {
            Ok(None) => false,
            Ok(Some(end)) => {
                bytes.extend_from_slice(&self.encoding.footer(end));
                true
            }
            Err(message) => {
                let error = ApiError::request(SERVER_ERROR, message);
                bytes.extend_from_slice(&self.encoding.failure(&error.body()));
                true
            }
        };
        (bytes.into(), ends)
    }
}

/// The next part of the body.
enum Part<S> {
    Header(Bytes, Answer<S>),
    Rows(Answer<S>),
    /// Nothing: the query is closed.
    End,
}

impl<S: RowSource> Part<S> {
    async fn next(self) -> Option<(Bytes, Self)> {
        match self {
            Part::Header(header, answer) => Some((header, Part::Rows(answer))),
            Part::Rows(mut answer) => {
                let (bytes, ends) = answer.rows().await;
                let next = if ends { Part::End } else { Part::Rows(answer) };
                Some((bytes, next))
            }
            Part::End => None,
        }
    }
}
