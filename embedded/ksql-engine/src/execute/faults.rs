//! Replaces the values of failing expressions and reports the failures.

use std::cell::Cell;
use std::sync::Arc;

use crate::execute::change::{Problem, Step};
use crate::execute::record::Record;
use crate::functions::EvalError;
use crate::plan::node::{Node, RowRef};
use crate::value::Value;

/// Collects the problems of one record.
pub(crate) struct Faults<'f> {
    record: &'f Record,
    problems: &'f mut Vec<Problem>,
}

impl<'f> Faults<'f> {
    pub(crate) fn new(record: &'f Record, problems: &'f mut Vec<Problem>) -> Self {
        Self { record, problems }
    }

    /// Records a problem.
    pub(crate) fn note(&mut self, step: Step, reason: impl ToString) {
        self.problems.push(Problem {
            topic: Arc::clone(&self.record.topic),
            partition: self.record.partition,
            offset: self.record.offset,
            step,
            reason: reason.to_string(),
        });
    }

    /// The value of a column; null if it fails.
    pub(crate) fn column(
        &mut self,
        node: &Node,
        row: RowRef<'_>,
        step: impl FnOnce() -> Step,
    ) -> Value {
        let replaced = Cell::new(None);
        let value = node.eval(row.reporting(&replaced));
        if let Some(error) = replaced.take().or(value.as_ref().err().copied()) {
            self.note(step(), error);
        }
        value.unwrap_or(Value::Null)
    }

    /// Whether a condition is true. A failing or null condition is not.
    pub(crate) fn holds(&mut self, node: &Node, row: RowRef<'_>, step: Step) -> bool {
        let held = node.holds(row);
        held.unwrap_or_else(|error| {
            self.note(step, error);
            false
        })
    }
}

impl Node {
    /// Whether the condition is true rather than false or null.
    pub(crate) fn holds(&self, row: RowRef<'_>) -> Result<bool, EvalError> {
        Ok(matches!(self.eval(row)?, Value::Boolean(true)))
    }
}
