//! The rows of a table, read from the state of the query that fills it. Windows that are still open
//! are there too, as they are now; closed ones as long as `RETENTION` says.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::error::{ApiError, SERVER_ERROR};
use crate::query::room;
use crate::query::rows::{Encoding, RowWriter};
use crate::state::Shared;
use ksql_engine::execute::{Outcome, Record, SinkWriter, Step, Task};
use ksql_engine::kafka::problem_log::ProblemLog;
use ksql_engine::plan::QueryPlan;
use ksql_engine::registry::RegisteredQuery;

/// More than this is not put together for one answer, in bytes.
const MOST: usize = 32 << 20;
/// How long the query may be held up by the broker.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the query that fills the table.
pub(super) async fn answer(
    state: &Shared,
    plan: Arc<QueryPlan>,
    filled_by: &RegisteredQuery,
    encoding: Encoding,
) -> Result<Response, ApiError> {
    let _permit = room(state)?;
    let failed = |message: String| ApiError::request(SERVER_ERROR, message);
    let id = state.open.next_id(&filled_by.sink.name);
    let lookup = Lookup {
        problems: ProblemLog::of(&id),
        id,
        writer: SinkWriter::new(&filled_by.plan, &filled_by.sink),
        task: Task::new(Arc::clone(&plan), filled_by.sink.key_format, 1),
        rows: RowWriter::new(encoding, &plan),
        left: plan.limit(),
    };
    let id = &filled_by.id;
    let asked = state.runtime.ask(id, move |task| lookup.rows_of(task));
    let asked = tokio::time::timeout(PATIENCE, asked).await;
    let found = asked
        .map_err(|_| failed(format!("{id} is held up: its topics cannot be written")))?
        .ok_or_else(|| failed(format!("{id} does not run; its table cannot be looked up")))?;
    let mut bytes = found.map_err(failed)?;
    encoding.end_rows(&mut bytes);
    Ok(([(CONTENT_TYPE, encoding.content_type())], bytes).into_response())
}

/// A `SELECT` over the rows of a table.
struct Lookup {
    id: String,
    /// Writes a row as it would be in the table's topic, where the `SELECT` would read it.
    writer: SinkWriter,
    task: Task,
    rows: RowWriter,
    left: Option<u64>,
    problems: ProblemLog,
}

impl Lookup {
    fn rows_of(mut self, table: &Task) -> Result<Vec<u8>, String> {
        let mut bytes = self.rows.table_header(&self.id).to_vec();
        let mut outcome = Outcome::default();
        let mut failure = None;
        let _ = table.rows(&mut |row| {
            if self.left == Some(0) {
                return ControlFlow::Break(());
            }
            let written = self.writer.write(row);
            let record = Record {
                topic: written.topic,
                partition: 0,
                offset: 0,
                key: written.key,
                value: written.value,
                timestamp: written.timestamp,
                headers: written.headers,
            };
            let processed = self.task.process(0, &record, &mut outcome);
            failure = processed.err().map(|error| error.to_string());
            for problem in outcome.problems.drain(..) {
                self.problems.note(&problem);
                // A row of its own table cannot be left out.
                if problem.step == Step::Read {
                    failure.get_or_insert(problem.reason);
                }
            }
            if failure.is_some() {
                return ControlFlow::Break(());
            }
            for change in outcome.changes.drain(..) {
                self.rows.write(&change, &mut bytes);
                self.left = self.left.map(|left| left.saturating_sub(1));
            }
            if bytes.len() > MOST {
                let mib = MOST >> 20;
                failure = Some(format!(
                    "the rows are more than {mib} MiB: add WHERE or LIMIT"
                ));
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        failure.map_or(Ok(bytes), Err)
    }
}
