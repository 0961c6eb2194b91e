//! Stream-stream joins.

use crate::execute::change::{Outcome, Step};
use crate::execute::faults::Faults;
use crate::execute::input::Row;
use crate::execute::join::{Pair, Side};
use crate::execute::murmur2::partition_of;
use crate::execute::record::Record;
use crate::execute::task::{Passed, Task};
use crate::plan::node::{RowRef, SharedRow};
use crate::plan::{JoinKey, JoinPlan, QueryPlan};
use crate::value::Value;
use ksql_parser::ast::JoinKind;

impl Task {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn join(
        &mut self,
        plan: &QueryPlan,
        join: &JoinPlan,
        side: Side,
        record: &Record,
        row: &Row,
        values: &mut Vec<Value>,
        outcome: &mut Outcome,
    ) {
        let own = &join.keys[usize::from(side == Side::Right)];
        let key = Faults::new(record, &mut outcome.problems).column(
            &own.node,
            RowRef::whole(values),
            || Step::JoinKey,
        );
        let key = self.repartitioned(own, key);
        let bytes = if key.is_null() {
            None
        } else {
            self.join_writer.write_shared(&key)
        };
        let partition = match &bytes {
            Some(bytes) if own.moves => partition_of(bytes, self.partitions.len() as u32),
            // A row with a null key cannot be repartitioned.
            None if own.moves => return,
            _ => record.partition,
        };
        let state = self
            .partitions
            .get_mut(partition as usize)
            .and_then(|partition| partition.join.as_mut());
        let Some(state) = state else { return };
        state.advance(record.timestamp);
        if !row.has_value {
            return;
        }
        let values: SharedRow = values.drain(..).collect();
        match bytes {
            Some(bytes) => {
                let mut pairs = std::mem::take(&mut self.scratch.pairs);
                state.process(join, side, bytes, record.timestamp, values, &mut pairs);
                for (_, pair) in pairs.drain(..) {
                    self.pair(plan, join, record, true, &pair, partition, outcome);
                }
                self.scratch.pairs = pairs;
            }
            None if side == Side::Left && join.kind == JoinKind::Left => {
                let pair = Pair {
                    left: values,
                    right: None,
                    timestamp: record.timestamp,
                };
                self.pair(plan, join, record, false, &pair, partition, outcome);
            }
            None => {}
        }
    }

    /// The key of a row that may have changed partition: it is written and read on the way.
    fn repartitioned(&self, own: &JoinKey, key: Value) -> Value {
        match own.moves {
            true => self.join_writer.reread(key),
            false => key,
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn pair(
        &mut self,
        plan: &QueryPlan,
        join: &JoinPlan,
        record: &Record,
        has_key: bool,
        pair: &Pair,
        partition: u32,
        outcome: &mut Outcome,
    ) {
        let mut faults = Faults::new(record, &mut outcome.problems);
        // The left row always has the key.
        let key = match has_key {
            true => {
                let own = &join.keys[0];
                let row = RowRef::whole(&pair.left);
                let key = faults.column(&own.node, row, || Step::JoinKey);
                self.repartitioned(own, key)
            }
            false => Value::Null,
        };
        let extra = [key];
        let values = RowRef::joined(
            [&pair.left, pair.right.as_deref().unwrap_or(&[]), &extra],
            join.widths,
        );
        if plan
            .filter
            .as_ref()
            .is_some_and(|filter| !faults.holds(filter, values, Step::Filter))
        {
            return;
        }
        let passed = Passed {
            plan,
            record,
            values,
            has_key,
            window_start: None,
            timestamp: pair.timestamp,
            partition,
        };
        self.emit(&passed, outcome);
    }
}
