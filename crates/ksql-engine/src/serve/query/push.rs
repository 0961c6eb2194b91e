//! `SELECT … EMIT CHANGES`: rows as they come, until the limit or until nobody listens.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::kafka::Listener;
use crate::plan::QueryPlan;
use crate::serve::error::{ApiError, SERVER_ERROR};
use crate::serve::open_queries::OpenGuard;
use crate::serve::query::room;
use crate::serve::query::rows::{Encoding, End, RowWriter};
use crate::serve::state::Shared;

/// How much is put together before it is handed on. The next rows are computed only when the client
/// has taken these.
const CHUNK: usize = 32 * 1024;

/// Starts the query; its rows are the response's body.
pub(super) fn answer(
    state: &Shared,
    plan: Arc<QueryPlan>,
    from_beginning: bool,
    encoding: Encoding,
) -> Result<Response, ApiError> {
    let permit = room(state)?;
    let listener = state
        .runtime
        .listen(&plan, from_beginning)
        .map_err(|error| ApiError::request(SERVER_ERROR, error.to_string()))?;
    let stop = state.shutdown.child_token();
    let rows = Rows {
        writer: RowWriter::new(encoding, &plan),
        encoding,
        left: plan.limit(),
        first: Some(encoding.header(&listener.id, &plan.result_columns())),
        ended: false,
        _open: state.open.add(listener.id.clone(), stop.clone()),
        stop,
        listener,
        _permit: permit,
    };
    let body = stream::unfold(rows, |mut rows| async move {
        let bytes = rows.next().await?;
        Some((Ok::<_, Infallible>(bytes), rows))
    });
    let headers = [(CONTENT_TYPE, encoding.content_type())];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// One open query. Dropping it ends the query.
struct Rows {
    listener: Listener,
    writer: RowWriter,
    encoding: Encoding,
    /// How many rows are still wanted.
    left: Option<u64>,
    /// What comes before the rows, until it was sent.
    first: Option<Bytes>,
    ended: bool,
    stop: CancellationToken,
    _open: OpenGuard,
    _permit: OwnedSemaphorePermit,
}

impl Rows {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if self.ended {
            return None;
        }
        let mut bytes = Vec::new();
        let end = self.gather(&mut bytes).await;
        if let Some(end) = end {
            self.ended = true;
            bytes.extend_from_slice(&end);
        }
        Some(bytes.into())
    }

    /// Waits for a row and takes what else is there; what comes after the rows, if they end.
    async fn gather(&mut self, bytes: &mut Vec<u8>) -> Option<Bytes> {
        if self.left == Some(0) {
            return Some(self.encoding.footer(End::Limit));
        }
        let stop = self.stop.clone();
        while bytes.is_empty() {
            let change = tokio::select! {
                biased;
                () = stop.cancelled() => return Some(self.encoding.footer(End::Closed)),
                change = self.listener.changes.recv() => change,
            };
            let mut change = match change {
                Some(change) => Some(change),
                None => return Some(self.failure().await),
            };
            while let Some(written) = change {
                if self.writer.write(&written, bytes)
                    && let Some(left) = &mut self.left
                {
                    *left -= 1;
                    if *left == 0 {
                        return Some(self.encoding.footer(End::Limit));
                    }
                }
                if bytes.len() >= CHUNK {
                    break;
                }
                change = self.listener.changes.try_recv().ok();
            }
        }
        None
    }

    /// The query ended by itself; why, it says a moment after its last row.
    async fn failure(&mut self) -> Bytes {
        match (&mut self.listener.failure).await {
            Ok(error) => {
                let error = ApiError::request(SERVER_ERROR, error.to_string());
                self.encoding.failure(&error.body())
            }
            Err(_) => self.encoding.footer(End::Closed),
        }
    }
}
