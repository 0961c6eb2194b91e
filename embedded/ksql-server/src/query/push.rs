//! `SELECT … EMIT CHANGES`: rows as they come, until the limit or until nobody listens.

use std::sync::Arc;

use axum::response::Response;
use tokio_util::sync::CancellationToken;

use crate::error::{ApiError, SERVER_ERROR};
use crate::query::body::{Answer, CHUNK, RowSource};
use crate::query::room;
use crate::query::rows::{Encoding, End, RowWriter};
use crate::state::Shared;
use ksql_engine::kafka::Listener;
use ksql_engine::plan::QueryPlan;

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
    let (id, stop) = (listener.id.clone(), state.shutdown.child_token());
    let answer = Answer {
        _open: state.open.add(id.clone(), stop.clone()),
        source: Changes {
            listener,
            writer: RowWriter::new(encoding, &plan),
            left: plan.limit(),
            stop,
        },
        encoding,
        _permit: permit,
    };
    Ok(answer.response(&id, &plan.result_columns()))
}

/// A running query's changes.
struct Changes {
    listener: Listener,
    writer: RowWriter,
    /// How many rows are still wanted.
    left: Option<u64>,
    stop: CancellationToken,
}

impl RowSource for Changes {
    /// Waits for a row and takes what else is there.
    async fn gather(&mut self, bytes: &mut Vec<u8>) -> Result<Option<End>, String> {
        if self.left == Some(0) {
            return Ok(Some(End::Limit));
        }
        let stop = self.stop.clone();
        while bytes.is_empty() {
            let change = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Some(End::Closed)),
                change = self.listener.changes.recv() => change,
            };
            let mut change = match change {
                Some(change) => Some(change),
                // The query ended by itself; why, it says a moment after its last row.
                None => {
                    return match (&mut self.listener.failure).await {
                        Ok(error) => Err(error.to_string()),
                        Err(_) => Ok(Some(End::Closed)),
                    };
                }
            };
            while let Some(written) = change {
                if self.writer.write(&written, bytes)
                    && let Some(left) = &mut self.left
                {
                    *left -= 1;
                    if *left == 0 {
                        return Ok(Some(End::Limit));
                    }
                }
                if bytes.len() >= CHUNK {
                    break;
                }
                change = self.listener.changes.try_recv().ok();
            }
        }
        Ok(None)
    }
}
