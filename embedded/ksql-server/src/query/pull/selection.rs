//! A `SELECT` over existing records, outside of the runtime.

use std::sync::Arc;

use crate::query::rows::{Encoding, RowWriter};
use ksql_engine::execute::{Outcome, Record, Step, Task};
use ksql_engine::formats::Format;
use ksql_engine::kafka::ProblemLog;
use ksql_engine::plan::QueryPlan;

/// Applies a `SELECT` to records and writes the resulting rows.
pub(super) struct Selection {
    pub(super) rows: RowWriter,
    task: Task,
    problems: ProblemLog,
}

impl Selection {
    pub(super) fn new(
        id: &str,
        plan: &Arc<QueryPlan>,
        key_format: Format,
        partitions: u32,
        encoding: Encoding,
    ) -> Self {
        Self {
            rows: RowWriter::new(encoding, plan),
            task: Task::new(Arc::clone(plan), key_format, partitions),
            problems: ProblemLog::of(id),
        }
    }

    /// Appends the rows for a record to `bytes`. Returns the reason if the record was skipped.
    ///
    /// # Errors
    /// The query failed.
    pub(super) fn process(
        &mut self,
        record: &Record,
        bytes: &mut Vec<u8>,
    ) -> Result<Option<String>, String> {
        let mut outcome = Outcome::default();
        let processed = self.task.process(0, record, &mut outcome);
        processed.map_err(|error| error.to_string())?;
        for change in &outcome.changes {
            self.rows.write(change, bytes);
        }
        let mut skipped = None;
        for problem in outcome.problems {
            self.problems.note(&problem);
            if problem.step == Step::Read {
                skipped = Some(problem.reason);
            }
        }
        Ok(skipped)
    }
}
