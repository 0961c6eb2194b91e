//! Queries over tables.

use std::sync::Arc;

use crate::execute::change::{Change, Outcome, Step};
use crate::execute::faults::Faults;
use crate::execute::input::Row;
use crate::execute::record::Record;
use crate::execute::task::{Task, columns};
use crate::plan::QueryPlan;
use crate::plan::node::RowRef;
use crate::value::Value;

impl Task {
    /// Processes a row of a table. A row that no longer passes the filter becomes a deletion.
    pub(super) fn table_row(
        &mut self,
        plan: &QueryPlan,
        record: &Record,
        row: &Row,
        values: &[Value],
        outcome: &mut Outcome,
    ) {
        let row_ref = RowRef::whole(values);
        let mut faults = Faults::new(record, &mut outcome.problems);
        let holds = row.has_value
            && plan
                .filter
                .as_ref()
                .is_none_or(|filter| faults.holds(filter, row_ref, Step::Filter));
        let key = record.key.clone().unwrap_or_default();
        let partition = self
            .partitions
            .len()
            .saturating_sub(1)
            .min(record.partition as usize);
        if plan.filter.is_some()
            && let Some(state) = self.partitions.get_mut(partition)
        {
            let before = if holds {
                state.passed.insert(key);
                true
            } else {
                state.passed.remove(&key)
            };
            if !before {
                return;
            }
        }
        outcome.changes.push(Change {
            key: row.has_key.then(|| self.keys_of(values)),
            window_start: row.window_start,
            columns: holds.then(|| columns(plan, row_ref, &mut faults)),
            timestamp: record.timestamp,
            headers: Arc::clone(&record.headers),
        });
    }
}
