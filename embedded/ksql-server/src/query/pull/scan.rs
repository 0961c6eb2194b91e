//! The rows of a stream that are there now.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::response::Response;
use tokio_util::sync::CancellationToken;

use crate::error::{ApiError, SERVER_ERROR};
use crate::query::body::{Answer, CHUNK, RowSource};
use crate::query::room;
use crate::query::rows::{Encoding, End, RowWriter};
use crate::state::Shared;
use ksql_engine::catalog::Source;
use ksql_engine::execute::{Outcome, Record, Task};
use ksql_engine::kafka::RuntimeError;
use ksql_engine::kafka::consume::{Event, Reader};
use ksql_engine::kafka::problem_log::ProblemLog;
use ksql_engine::plan::QueryPlan;

/// Reads the stream's topic from its beginning to where it ends now.
pub(super) fn answer(
    state: &Shared,
    plan: Arc<QueryPlan>,
    partitions: u32,
    encoding: Encoding,
) -> Result<Response, ApiError> {
    let permit = room(state)?;
    let failed = |error: RuntimeError| ApiError::request(SERVER_ERROR, error.to_string());
    let source: &Arc<Source> = plan
        .sources()
        .next()
        .ok_or_else(|| ApiError::request(SERVER_ERROR, "a query without a source"))?;
    let id = state.open.next_id(&source.name);
    let reader = Reader::new(&state.kafka, &id, &source.topic, partitions, true).map_err(failed)?;
    let stop = state.shutdown.child_token();
    let answer = Answer {
        _open: state.open.add(id.clone(), stop.clone()),
        source: Scan {
            task: Task::new(Arc::clone(&plan), source.key_format, partitions),
            writer: RowWriter::new(encoding, &plan),
            left: plan.limit(),
            unfinished: (0..partitions).collect(),
            reader,
            problems: ProblemLog::of(&id),
            stop,
        },
        encoding,
        _permit: permit,
    };
    Ok(answer.response(&id, &plan.result_columns()))
}

/// One reading of a topic.
struct Scan {
    reader: Reader,
    task: Task,
    writer: RowWriter,
    /// How many rows are still wanted.
    left: Option<u64>,
    /// The partitions whose end was not reached yet.
    unfinished: BTreeSet<u32>,
    problems: ProblemLog,
    stop: CancellationToken,
}

impl RowSource for Scan {
    async fn gather(&mut self, bytes: &mut Vec<u8>) -> Result<Option<End>, String> {
        let stop = self.stop.clone();
        while bytes.len() < CHUNK {
            if self.left == Some(0) {
                return Ok(Some(End::Limit));
            }
            if self.unfinished.is_empty() {
                return Ok(Some(End::Completed));
            }
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Some(End::Closed)),
                event = self.reader.next() => event,
            };
            match event.map_err(|error| error.to_string())? {
                Event::AtEnd(partition) => {
                    self.unfinished.remove(&partition);
                }
                // What came after the end was seen is not there "now".
                Event::Record(record) if !self.unfinished.contains(&record.partition) => {}
                Event::Record(record) => self.take(&record, bytes)?,
            }
        }
        Ok(None)
    }
}

impl Scan {
    fn take(&mut self, record: &Record, bytes: &mut Vec<u8>) -> Result<(), String> {
        let mut outcome = Outcome::default();
        self.task
            .process(0, record, &mut outcome)
            .map_err(|error| error.to_string())?;
        for problem in &outcome.problems {
            self.problems.note(problem);
        }
        for change in &outcome.changes {
            if self.left == Some(0) {
                break;
            }
            if self.writer.write(change, bytes)
                && let Some(left) = &mut self.left
            {
                *left -= 1;
            }
        }
        Ok(())
    }
}
