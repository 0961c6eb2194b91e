//! The state of a `GROUP BY` in one partition.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use crate::execute::change::{Key, Step};
use crate::execute::faults::Faults;
use crate::functions::EvalError;
use crate::functions::aggregate::Accumulator;
use crate::plan::node::RowRef;
use crate::plan::{AggregatePlan, WindowPlan};
use crate::value::Value;

/// One group, in one window if there are windows.
#[derive(Debug)]
pub(crate) struct Group {
    values: Key,
    accumulators: Vec<Box<dyn Accumulator>>,
    /// The newest timestamp of its rows.
    timestamp: i64,
    /// Whether its last state passed `HAVING`.
    passed: bool,
}

/// The new state of a group.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    pub(crate) key: Key,
    pub(crate) window_start: Option<i64>,
    pub(crate) timestamp: i64,
    /// The row for the projection; `None` for a deletion.
    pub(crate) row: Option<Vec<Value>>,
}

/// All groups.
#[derive(Debug)]
pub(crate) enum AggregateState {
    Unwindowed(HashMap<Box<[u8]>, Group>),
    /// By window start, then key bytes: the order in which windows close.
    Windowed {
        windows: BTreeMap<i64, BTreeMap<Box<[u8]>, Group>>,
        /// The last rows of closed windows, by window start, for lookups until the retention ends.
        closed: BTreeMap<i64, Vec<Update>>,
        stream_time: i64,
        /// The newest start of a window with a row.
        newest: i64,
    },
}

impl AggregateState {
    pub(crate) fn new(plan: &AggregatePlan) -> Self {
        match plan.window {
            None => AggregateState::Unwindowed(HashMap::new()),
            Some(_) => AggregateState::Windowed {
                windows: BTreeMap::new(),
                closed: BTreeMap::new(),
                stream_time: -1,
                newest: -1,
            },
        }
    }

    /// Adds a row to the group `values`, whose bytes are `key`.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn process(
        &mut self,
        plan: &AggregatePlan,
        key: &[u8],
        values: &Key,
        arguments: &[Value],
        timestamp: i64,
        updates: &mut Vec<Update>,
        faults: &mut Faults<'_>,
    ) {
        let failed = &mut |error| faults.note(Step::Having, error);
        match self {
            AggregateState::Unwindowed(groups) => {
                if !groups.contains_key(key) {
                    groups.insert(key.into(), Group::new(plan, values.clone()));
                }
                let Some(group) = groups.get_mut(key) else {
                    return;
                };
                group.add(arguments, timestamp);
                updates.extend(group.change(plan, None, failed));
            }
            AggregateState::Windowed {
                windows,
                closed,
                stream_time,
                newest,
            } => {
                let Some(window) = plan.window else { return };
                *stream_time = (*stream_time).max(timestamp);
                let close_time = stream_time.saturating_sub(window.grace_ms);
                for start in starts(window, timestamp) {
                    // The window is closed: the row is too late.
                    if start.saturating_add(window.size_ms) <= close_time {
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
                        updates.extend(group.change(plan, Some((start, window)), failed));
                    }
                }
                // Close the windows that are due.
                while let Some(entry) = windows.first_entry() {
                    let start = *entry.key();
                    if start.saturating_add(window.size_ms) > close_time {
                        break;
                    }
                    let oldest = window.max_age_ms.map(|age| newest.saturating_sub(age));
                    let is_kept = oldest.is_none_or(|oldest| start >= oldest);
                    let groups = entry.remove().into_values();
                    // Without `EMIT FINAL`, the failure was already reported with its row.
                    let failed: &mut dyn FnMut(EvalError) = match plan.is_final {
                        true => failed,
                        false => &mut |_| {},
                    };
                    let groups = groups.filter(|_| is_kept);
                    let rows: Vec<Update> = groups
                        .filter_map(|group| group.state(plan, Some((start, window)), failed))
                        .collect();
                    if plan.is_final {
                        updates.extend(rows.iter().cloned());
                    }
                    if !rows.is_empty() {
                        closed.insert(start, rows);
                    }
                    *closed = closed.split_off(&kept_from(window, *newest));
                }
            }
        }
    }

    /// Visits the current rows of the table by window start, then key bytes, until `visit` breaks.
    /// Does not report a failing `HAVING`: that happens when rows are written.
    pub(crate) fn rows(
        &self,
        plan: &AggregatePlan,
        visit: &mut dyn FnMut(Update) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self {
            AggregateState::Unwindowed(groups) => {
                let mut groups: Vec<_> = groups.iter().collect();
                groups.sort_unstable_by_key(|(key, _)| *key);
                let mut rows = groups
                    .iter()
                    .filter_map(|(_, group)| group.state(plan, None, &mut |_| {}));
                rows.try_for_each(visit)
            }
            AggregateState::Windowed {
                windows,
                closed,
                newest,
                ..
            } => {
                let Some(window) = plan.window else {
                    return ControlFlow::Continue(());
                };
                // Closed windows start before open ones.
                let closed = closed.range(kept_from(window, *newest)..);
                let mut closed = closed.flat_map(|(_, rows)| rows.iter().cloned());
                closed.try_for_each(&mut *visit)?;
                let open = windows
                    .iter()
                    .flat_map(|(start, groups)| groups.values().map(move |group| (*start, group)));
                let mut open = open.filter_map(|(start, group)| {
                    group.state(plan, Some((start, window)), &mut |_| {})
                });
                open.try_for_each(visit)
            }
        }
    }
}

/// The earliest start of a window within the retention.
fn kept_from(window: WindowPlan, newest: i64) -> i64 {
    newest.saturating_sub(window.retention_ms)
}

/// The starts of the windows that contain a timestamp, ascending, from 0.
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

    /// The group's new state; a deletion if only the previous state passed `HAVING`.
    fn change(
        &mut self,
        plan: &AggregatePlan,
        window: Option<(i64, WindowPlan)>,
        failed: &mut dyn FnMut(EvalError),
    ) -> Option<Update> {
        let state = self.state(plan, window, failed);
        let passed = std::mem::replace(&mut self.passed, state.is_some());
        state.or_else(|| passed.then(|| self.update(window, None)))
    }

    /// The group's state, if it passes `HAVING`.
    fn state(
        &self,
        plan: &AggregatePlan,
        window: Option<(i64, WindowPlan)>,
        failed: &mut dyn FnMut(EvalError),
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
        let passes = plan.having.as_ref().is_none_or(|having| {
            let held = having.holds(RowRef::whole(&row));
            held.unwrap_or_else(|error| {
                failed(error);
                false
            })
        });
        passes.then(|| self.update(window, Some(row)))
    }

    fn update(&self, window: Option<(i64, WindowPlan)>, row: Option<Vec<Value>>) -> Update {
        Update {
            key: self.values.clone(),
            window_start: window.map(|(start, _)| start),
            timestamp: self.timestamp,
            row,
        }
    }
}
