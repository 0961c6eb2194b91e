//! `GROUP BY`: grouping rows, and reading the resulting table.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::execute::aggregate::Update;
use crate::execute::change::{Change, Key, Outcome, Step};
use crate::execute::faults::Faults;
use crate::execute::murmur2::partition_of;
use crate::execute::record::Header;
use crate::execute::task::{Passed, Task, columns};
use crate::plan::node::RowRef;
use crate::plan::{AggregatePlan, Stage};
use crate::value::Value;

impl Task {
    pub(super) fn group(
        &mut self,
        aggregate: &AggregatePlan,
        passed: &Passed<'_>,
        outcome: &mut Outcome,
    ) {
        let values = passed.values;
        let mut faults = Faults::new(passed.record, &mut outcome.problems);
        let groups = aggregate.group_by.iter().enumerate();
        // Rows that change partition are written and read on the way.
        let group: Key = groups
            .map(|(index, node)| {
                let value = faults.column(node, values, || Step::GroupBy(index));
                match aggregate.moves {
                    true => self.group_writer.reread(value),
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
        let calls = aggregate.calls.iter().enumerate();
        scratch.arguments.extend(calls.map(|(index, call)| {
            let value = faults.column(&call.argument, values, || Step::Argument(index));
            match aggregate.moves {
                true => value.through_json(),
                false => value,
            }
        }));
        state.process(
            aggregate,
            &scratch.group,
            &group,
            &scratch.arguments,
            passed.timestamp,
            &mut scratch.updates,
            &mut faults,
        );
        scratch.arguments.clear();
        let headers = &passed.record.headers;
        let updates = scratch.updates.drain(..);
        let changes = updates.map(|update| {
            change(update, headers, &mut |row| {
                columns(passed.plan, row, &mut faults)
            })
        });
        outcome.changes.extend(changes);
    }

    /// Visits the current rows of the table that a grouped query keeps, by partition, window and key
    /// bytes, until `visit` breaks. Failures are reported when rows are written, not here.
    pub fn rows(&self, visit: &mut dyn FnMut(Change) -> ControlFlow<()>) -> ControlFlow<()> {
        let Stage::Aggregate(aggregate) = &self.plan.stage else {
            return ControlFlow::Continue(());
        };
        let headers: Arc<[Header]> = Arc::default();
        for partition in &self.partitions {
            if let Some(state) = &partition.aggregate {
                state.rows(aggregate, &mut |update| {
                    visit(change(update, &headers, &mut |row| {
                        let columns = self.plan.columns.iter();
                        columns
                            .map(|column| column.node.eval(row).unwrap_or(Value::Null))
                            .collect()
                    }))
                })?;
            }
        }
        ControlFlow::Continue(())
    }
}

fn change(
    update: Update,
    headers: &Arc<[Header]>,
    columns: &mut dyn FnMut(RowRef<'_>) -> Vec<Value>,
) -> Change {
    let row = update.row;
    Change {
        key: Some(update.key),
        window_start: update.window_start,
        columns: row.map(|row| columns(RowRef::whole(&row))),
        timestamp: update.timestamp,
        headers: Arc::clone(headers),
    }
}
