//! The current rows of a stream.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::response::Response;
use tokio_util::sync::CancellationToken;

use crate::error::{ApiError, SERVER_ERROR};
use crate::query::acquire_slot;
use crate::query::body::{CHUNK, RowSource, RowStream};
use crate::query::pull::selection::Selection;
use crate::query::rows::{Encoding, End};
use crate::state::Shared;
use ksql_engine::kafka::{Event, Reader, RuntimeError};
use ksql_engine::plan::QueryPlan;

/// Reads the stream's topic from its beginning to its current end.
pub(super) fn answer(
    state: &Shared,
    plan: Arc<QueryPlan>,
    partitions: u32,
    encoding: Encoding,
) -> Result<Response, ApiError> {
    let permit = acquire_slot(state)?;
    let failed = |error: RuntimeError| ApiError::request(SERVER_ERROR, error.to_string());
    let source = plan.sources().next();
    let source =
        source.ok_or_else(|| ApiError::request(SERVER_ERROR, "a query without a source"))?;
    let id = state.open.next_id(&source.name);
    let reader = Reader::new(&state.kafka, &id, &source.topic, partitions, true).map_err(failed)?;
    let stop = state.shutdown.child_token();
    let query = RowStream {
        _open: state.open.add(id.clone(), stop.clone()),
        source: Scan {
            selection: Selection::new(&id, &plan, source.key_format, partitions, encoding),
            unfinished: (0..partitions).collect(),
            reader,
            stop,
        },
        encoding,
        _permit: permit,
    };
    Ok(query.response(&id, &plan.result_columns()))
}

/// A read of a whole topic.
struct Scan {
    reader: Reader,
    selection: Selection,
    /// The partitions whose end was not reached yet.
    unfinished: BTreeSet<u32>,
    stop: CancellationToken,
}

impl RowSource for Scan {
    async fn gather(&mut self, bytes: &mut Vec<u8>) -> Result<Option<End>, String> {
        while bytes.len() < CHUNK {
            if self.selection.rows.is_full() {
                return Ok(Some(End::Limit));
            }
            if self.unfinished.is_empty() {
                return Ok(Some(End::Completed));
            }
            let event = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(Some(End::Closed)),
                event = self.reader.next() => event,
            };
            match event.map_err(|error| error.to_string())? {
                Event::AtEnd(partition) => {
                    self.unfinished.remove(&partition);
                }
                // Skip records that were written after the end was reached.
                Event::Record(record) if !self.unfinished.contains(&record.partition) => {}
                Event::Record(record) => {
                    self.selection.process(&record, bytes)?;
                }
            }
        }
        Ok(None)
    }
}
