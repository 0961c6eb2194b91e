//! Rows as a response's body: a header, the rows as they come, and how they ended.

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

/// How much is put together before it is handed on. The next rows are computed only when the client
/// has taken these.
pub(super) const CHUNK: usize = 32 * 1024;

/// Where rows come from. Dropping it ends the query.
pub(super) trait RowSource: Send + 'static {
    /// Waits for rows and puts them into `bytes`, about [`CHUNK`] of them; how they end, if they do.
    fn gather(
        &mut self,
        bytes: &mut Vec<u8>,
    ) -> impl Future<Output = Result<Option<End>, String>> + Send;
}

/// One open query.
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

    /// The next rows, and whether they were the last.
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

/// What is sent next.
enum Part<S> {
    Header(Bytes, Answer<S>),
    Rows(Answer<S>),
    /// Nothing; the query is closed by then.
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
