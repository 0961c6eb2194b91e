//! Streaming response bodies: a header, the rows as they arrive, and the end.

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

/// The approximate size of a chunk, in bytes. The next chunk is computed when the client has received
/// the previous one.
pub(super) const CHUNK: usize = 32 * 1024;

/// A source of rows. Dropping it ends the query.
pub(super) trait RowSource: Send + 'static {
    /// Waits for rows and appends about [`CHUNK`] bytes of them. Returns the end if it is reached.
    fn gather(
        &mut self,
        bytes: &mut Vec<u8>,
    ) -> impl Future<Output = Result<Option<End>, String>> + Send;
}

/// An open query.
pub(super) struct RowStream<S> {
    pub(super) source: S,
    pub(super) encoding: Encoding,
    pub(super) _open: OpenGuard,
    pub(super) _permit: OwnedSemaphorePermit,
}

impl<S: RowSource> RowStream<S> {
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
        let is_last = match self.source.gather(&mut bytes).await {
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
        (bytes.into(), is_last)
    }
}

/// The next part of the body.
enum Part<S> {
    Header(Bytes, RowStream<S>),
    Rows(RowStream<S>),
    /// No further part: the query is closed.
    End,
}

impl<S: RowSource> Part<S> {
    async fn next(self) -> Option<(Bytes, Self)> {
        match self {
            Part::Header(header, query) => Some((header, Part::Rows(query))),
            Part::Rows(mut query) => {
                let (bytes, is_last) = query.rows().await;
                let next = if is_last {
                    Part::End
                } else {
                    Part::Rows(query)
                };
                Some((bytes, next))
            }
            Part::End => None,
        }
    }
}
