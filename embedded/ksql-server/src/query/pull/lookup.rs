//! The rows of a table, from the state of the query that fills it: the current state of open windows,
//! and closed windows until their retention ends.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::error::{ApiError, SERVER_ERROR};
use crate::query::acquire_slot;
use crate::query::pull::selection::Selection;
use crate::query::rows::Encoding;
use crate::state::Shared;
use ksql_engine::execute::{Record, SinkWriter, Task};
use ksql_engine::plan::QueryPlan;
use ksql_engine::registry::RegisteredQuery;

/// The largest response, in bytes.
const MAX_BYTES: usize = 32 << 20;
/// How long to wait for a query that the broker blocks.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Looks up the rows in the query that fills the table.
pub(super) async fn answer(
    state: &Shared,
    plan: Arc<QueryPlan>,
    filled_by: &RegisteredQuery,
    encoding: Encoding,
) -> Result<Response, ApiError> {
    let _permit = acquire_slot(state)?;
    let failed = |message: String| ApiError::request(SERVER_ERROR, message);
    let sink = &filled_by.sink;
    let lookup_id = state.open.next_id(&sink.name);
    let selection = Selection::new(&lookup_id, &plan, sink.key_format, 1, encoding);
    let writer = SinkWriter::new(&filled_by.plan, sink);
    let id = &filled_by.id;
    let looked_up = state.runtime.read_state(id, move |table| {
        rows_of(table, &lookup_id, &writer, selection)
    });
    let looked_up = tokio::time::timeout(TIMEOUT, looked_up).await;
    let rows = looked_up
        .map_err(|_| failed(format!("{id} is blocked: its topics cannot be written")))?
        .ok_or_else(|| {
            failed(format!(
                "{id} is not running: its table cannot be looked up"
            ))
        })?;
    let mut bytes = rows.map_err(failed)?;
    encoding.end_rows(&mut bytes);
    Ok(([(CONTENT_TYPE, encoding.content_type())], bytes).into_response())
}

/// Applies the `SELECT` to each row as it would be in the table's topic.
fn rows_of(
    table: &Task,
    id: &str,
    writer: &SinkWriter,
    mut selection: Selection,
) -> Result<Vec<u8>, String> {
    let mut bytes = selection.rows.table_header(id).to_vec();
    let mut failure = None;
    let _ = table.rows(&mut |row| {
        if selection.rows.is_full() {
            return ControlFlow::Break(());
        }
        let written = writer.write(row);
        let record = Record {
            topic: written.topic,
            partition: 0,
            offset: 0,
            key: written.key,
            value: written.value,
            timestamp: written.timestamp,
            headers: written.headers,
        };
        failure = match selection.process(&record, &mut bytes) {
            // The server wrote the row itself, so failing to read it is a bug.
            Ok(skipped) => skipped,
            Err(error) => Some(error),
        };
        if failure.is_none() && bytes.len() > MAX_BYTES {
            let mib = MAX_BYTES >> 20;
            failure = Some(format!(
                "the rows are more than {mib} MiB: add WHERE or LIMIT"
            ));
        }
        match failure {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    });
    failure.map_or(Ok(bytes), Err)
}
