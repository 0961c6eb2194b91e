//! The state of a grouped query in one partition.

use std::collections::{BTreeMap, HashMap};

use crate::execute::change::Key;
use crate::functions::aggregate::Accumulator;
use crate::plan::node::{Node, RowRef};
use crate::plan::{AggregatePlan, WindowPlan};
use crate::value::Value;

/// One group, in one window if there are windows.
#[derive(Debug)]
pub(crate) struct Group {
    values: Key,
    accumulators: Vec<Box<dyn Accumulator>>,
    /// The newest time of its rows.
    timestamp: i64,
    /// Whether its last state passed `HAVING`.
    passed: bool,
}

/// What became of a group.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) key: Key,
    pub(crate) window_start: Option<i64>,
    pub(crate) timestamp: i64,
    /// The row for the projection; none if the group is no longer there.
    pub(crate) row: Option<Vec<Value>>,
}

/// All groups.
#[derive(Debug)]
pub(crate) enum AggregateState {
    Unwindowed(HashMap<Box<[u8]>, Group>),
    /// By window start, then key bytes: the order in which windows are closed.
    Windowed {
        windows: BTreeMap<i64, BTreeMap<Box<[u8]>, Group>>,
        stream_time: i64,
        /// The newest start of a window that took a row.
        newest: i64,
    },
}

impl AggregateState {
    pub(crate) fn new(plan: &AggregatePlan) -> Self {
        match plan.window {
            None => AggregateState::Unwindowed(HashMap::new()),
            Some(_) => AggregateState::Windowed {
                windows: BTreeMap::new(),
                stream_time: -1,
                newest: -1,
            },
        }
    }

    /// Takes a row that belongs to the group `values`, whose bytes are `key`.
    pub(crate) fn process(
        &mut self,
        plan: &AggregatePlan,
        key: &[u8],
        values: &Key,
        arguments: &[Value],
        timestamp: i64,
        updates: &mut Vec<Update>,
    ) {
        match self {
            AggregateState::Unwindowed(groups) => {
                if !groups.contains_key(key) {
                    groups.insert(key.into(), Group::new(plan, values.clone()));
                }
                let Some(group) = groups.get_mut(key) else {
                    return;
                };
                group.add(arguments, timestamp);
                updates.extend(group.change(plan, None));
            }
            AggregateState::Windowed {
                windows,
                stream_time,
                newest,
            } => {
                let Some(window) = plan.window else { return };
                *stream_time = (*stream_time).max(timestamp);
                let closed = stream_time.saturating_sub(window.grace_ms);
                for start in starts(window, timestamp) {
                    // Behind the close time a row is too late for this window.
                    if start.saturating_add(window.size_ms) <= closed {
                        continue;
                    }
                    *newest = (*newest).max(start);
                    let groups = windows.entry(start).or_default();
                    if !groups.contains_key(key) {
                        groups.insert(key.into(), Group::new(plan, values.clone()));
                    }
                    let Some(group) = groups.get_mut(key) else {
                        continue;
                    };
                    group.add(arguments, timestamp);
                    if !plan.is_final {
                        updates.extend(group.change(plan, Some((start, window))));
                    }
                }
                // What is closed never changes again.
                while let Some(entry) = windows.first_entry() {
                    let start = *entry.key();
                    if start.saturating_add(window.size_ms) > closed {
                        break;
                    }
                    let found_from = window.found_for_ms.map(|age| newest.saturating_sub(age));
                    let is_found = found_from.is_none_or(|from| start >= from);
                    for mut group in entry.remove().into_values() {
                        if plan.is_final && is_found {
                            updates.extend(group.change(plan, Some((start, window))));
                        }
                    }
                }
            }
        }
    }
}

/// Starts of the windows that hold a time, ascending. There is none before 0.
fn starts(window: WindowPlan, timestamp: i64) -> impl Iterator<Item = i64> {
    let earliest = timestamp
        .saturating_sub(window.size_ms)
        .saturating_add(window.advance_ms)
        .max(0);
    let first = earliest / window.advance_ms * window.advance_ms;
    std::iter::successors(Some(first), move |start| {
        start.checked_add(window.advance_ms)
    })
    .take_while(move |start| *start <= timestamp)
}

impl Group {
    fn new(plan: &AggregatePlan, values: Key) -> Self {
        Self {
            values,
            accumulators: plan.calls.iter().map(|call| (call.factory)()).collect(),
            timestamp: -1,
            passed: false,
        }
    }

    fn add(&mut self, arguments: &[Value], timestamp: i64) {
        self.timestamp = self.timestamp.max(timestamp);
        for (accumulator, argument) in self.accumulators.iter_mut().zip(arguments) {
            accumulator.add(argument);
        }
    }

    /// Its new state; a deletion if it passed `HAVING` before and no longer does.
    fn change(
        &mut self,
        plan: &AggregatePlan,
        window: Option<(i64, WindowPlan)>,
    ) -> Option<Update> {
        let bound = |bound: Option<i64>| bound.map_or(Value::Null, Value::BigInt);
        let start = window.map(|(start, _)| start);
        let end = window.map(|(start, window)| start.saturating_add(window.size_ms));
        let mut row = self.values.to_vec();
        row.push(bound(start));
        row.push(bound(end));
        row.extend(
            self.accumulators
                .iter()
                .map(|accumulator| accumulator.result()),
        );
        let passes = plan
            .having
            .as_ref()
            .is_none_or(|having| Node::holds(having, RowRef::whole(&row)));
        let passed = std::mem::replace(&mut self.passed, passes);
        (passes || passed).then(|| Update {
            key: self.values.clone(),
            window_start: start,
            timestamp: self.timestamp,
            row: passes.then_some(row),
        })
    }
}
