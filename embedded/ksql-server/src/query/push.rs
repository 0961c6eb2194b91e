//! `SELECT … EMIT CHANGES`: rows as they arrive, until the limit or until the client disconnects.

use std::sync::Arc;

use axum::response::Response;
use tokio_util::sync::CancellationToken;

use crate::error::{ApiError, SERVER_ERROR};
use crate::query::acquire_slot;
use crate::query::body::{CHUNK, RowSource, RowStream};
use crate::query::rows::{Encoding, End, RowWriter};
use crate::state::Shared;
use ksql_engine::kafka::Listener;
use ksql_engine::plan::QueryPlan;

/// Starts the query and streams its rows in the response body.
pub(super) fn answer(
    state: &Shared,
    plan: Arc<QueryPlan>,
    from_beginning: bool,
    encoding: Encoding,
) -> Result<Response, ApiError> {
    let permit = acquire_slot(state)?;
    let listener = state
        .runtime
        .listen(&plan, from_beginning)
        .map_err(|error| ApiError::request(SERVER_ERROR, error.to_string()))?;
    let (id, stop) = (listener.id.clone(), state.shutdown.child_token());
    let query = RowStream {
        _open: state.open.add(id.clone(), stop.clone()),
        source: Changes {
            listener,
            rows: RowWriter::new(encoding, &plan),
            stop,
        },
        encoding,
        _permit: permit,
    };
    Ok(query.response(&id, &plan.result_columns()))
}

/// A running query's changes.
struct Changes {
    listener: Listener,
    rows: RowWriter,
    stop: CancellationToken,
}

impl RowSource for Changes {
    /// Waits for a row, then takes the queued rows.
    async fn gather(&mut self, bytes: &mut Vec<u8>) -> Result<Option<End>, String> {
        while bytes.is_empty() && !self.rows.is_full() {
            let mut change = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(Some(End::Closed)),
                change = self.listener.changes.recv() => change,
            };
            if change.is_none() {
                // The query ended by itself and reports the reason.
                return match (&mut self.listener.failure).await {
                    Ok(error) => Err(error.to_string()),
                    Err(_) => Ok(Some(End::Closed)),
                };
            }
            while let Some(written) = change {
                self.rows.write(&written, bytes);
                if self.rows.is_full() || bytes.len() >= CHUNK {
                    break;
                }
                change = self.listener.changes.try_recv().ok();
            }
        }
        Ok(self.rows.is_full().then_some(End::Limit))
    }
}
