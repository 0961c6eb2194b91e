//! Rows that are grouped, and the table that comes of it.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::execute::aggregate::Update;
use crate::execute::change::{Change, Key, Outcome};
use crate::execute::murmur2::partition_of;
use crate::execute::record::Header;
use crate::execute::task::{Passed, Task, columns};
use crate::plan::node::RowRef;
use crate::plan::{AggregatePlan, QueryPlan, Stage};
use crate::value::Value;

impl Task {
    pub(super) fn group(
        &mut self,
        aggregate: &AggregatePlan,
        passed: &Passed<'_>,
        outcome: &mut Outcome,
    ) {
        let values = passed.values;
        let groups = aggregate.group_by.iter();
        let group: Key = groups
            .map(|node| {
                let value = node.column(values);
                // What moves is read back from its bytes.
                match aggregate.moves {
                    true => self.group_writer.through(value),
                    false => value,
                }
            })
            .collect();
        if group.iter().any(Value::is_null) {
            return;
        }
        let scratch = &mut self.scratch;
        scratch.group.clear();
        if !self.group_writer.append(&group, &mut scratch.group) {
            return;
        }
        let partition = if aggregate.moves {
            partition_of(&scratch.group, self.partitions.len() as u32)
        } else {
            passed.partition
        };
        let state = self
            .partitions
            .get_mut(partition as usize)
            .and_then(|partition| partition.aggregate.as_mut());
        let Some(state) = state else { return };
        let calls = aggregate.calls.iter();
        scratch
            .arguments
            .extend(calls.map(|call| call.argument.column(values)));
        state.process(
            aggregate,
            &scratch.group,
            &group,
            &scratch.arguments,
            passed.timestamp,
            &mut scratch.updates,
        );
        scratch.arguments.clear();
        let headers = &passed.record.headers;
        let updates = scratch.updates.drain(..);
        let changes = updates.map(|update| change(passed.plan, update, headers));
        outcome.changes.extend(changes);
    }

    /// The rows of the table that a grouped query keeps, as they are now: partition by partition,
    /// then by window and key bytes. Ends when `visit` breaks.
    pub(crate) fn rows(&self, visit: &mut dyn FnMut(Change) -> ControlFlow<()>) -> ControlFlow<()> {
        let Stage::Aggregate(aggregate) = &self.plan.stage else {
            return ControlFlow::Continue(());
        };
        let headers: Arc<[Header]> = Arc::default();
        for partition in &self.partitions {
            if let Some(state) = &partition.aggregate {
                state.rows(aggregate, &mut |update| {
                    visit(change(&self.plan, update, &headers))
                })?;
            }
        }
        ControlFlow::Continue(())
    }
}

fn change(plan: &QueryPlan, update: Update, headers: &Arc<[Header]>) -> Change {
    let row = update.row;
    Change {
        key: Some(update.key),
        window_start: update.window_start,
        columns: row.map(|row| columns(plan, RowRef::whole(&row))),
        timestamp: update.timestamp,
        headers: Arc::clone(headers),
    }
}
