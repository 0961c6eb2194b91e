//! The state of a stream-stream join in one partition.
//!
//! A row is matched with all stored rows of the other side, then stored. Late rows are not rejected: a
//! stored row can match while it is newer than the newest stored row of *its own* side minus both
//! bounds and the grace period.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use crate::plan::JoinPlan;
use crate::plan::node::SharedRow;
use ksql_parser::ast::JoinKind;

type Key = Arc<[u8]>;

/// Which side a row is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// A pair of rows; without a right one for an unmatched left row.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) left: SharedRow,
    pub(crate) right: Option<SharedRow>,
    pub(crate) timestamp: i64,
}

/// The rows of both sides.
#[derive(Debug)]
pub(crate) struct JoinState {
    left: Store,
    right: Store,
    /// Unmatched left rows, by time and key.
    unmatched: BTreeMap<(i64, Key), Vec<SharedRow>>,
    /// The newest timestamp of both sides.
    stream_time: i64,
    /// A lower bound of the times in `unmatched`.
    oldest_unmatched: i64,
}

/// The rows of one side.
#[derive(Debug)]
struct Store {
    /// The rows of each key by time and arrival, usually one.
    by_key: HashMap<Key, SmallVec<[(i64, SharedRow); 1]>, RandomState>,
    /// The keys with rows in each time slice, to expire them.
    by_time: BTreeMap<i64, Vec<Key>>,
    /// The length of a time slice.
    slice_ms: i64,
    /// The newest stored timestamp.
    newest: i64,
    retention_ms: i64,
}

impl Store {
    fn new(retention_ms: i64) -> Self {
        Self {
            by_key: HashMap::default(),
            by_time: BTreeMap::new(),
            slice_ms: (retention_ms / 64).max(1),
            newest: -1,
            retention_ms,
        }
    }

    /// The oldest timestamp that can still match.
    fn oldest(&self) -> i64 {
        self.newest
            .saturating_sub(self.retention_ms)
            .saturating_add(1)
    }

    fn put(&mut self, key: Key, timestamp: i64, row: SharedRow) {
        self.newest = self.newest.max(timestamp);
        let oldest = self.oldest();
        if timestamp >= oldest {
            let rows = self.by_key.entry(Arc::clone(&key)).or_default();
            let place = rows.partition_point(|(time, _)| *time <= timestamp);
            rows.insert(place, (timestamp, row));
            self.by_time
                .entry(timestamp / self.slice_ms)
                .or_default()
                .push(key);
        }
        self.expire(oldest);
    }

    /// Removes slices that are entirely older. `fetch` skips older rows in other slices.
    fn expire(&mut self, oldest: i64) {
        while let Some(entry) = self.by_time.first_entry() {
            if (entry.key() + 1).saturating_mul(self.slice_ms) > oldest {
                break;
            }
            for key in entry.remove() {
                if let Some(rows) = self.by_key.get_mut(&key) {
                    // A key is listed once for each of its rows.
                    let old = rows.partition_point(|(time, _)| *time < oldest);
                    rows.drain(..old);
                    if rows.is_empty() {
                        self.by_key.remove(&key);
                    }
                }
            }
        }
    }

    /// The rows of a key between two times, inclusive, by time and arrival.
    fn fetch(&self, key: &Key, from: i64, to: i64) -> impl Iterator<Item = &(i64, SharedRow)> {
        let from = from.max(self.oldest());
        let rows = self.by_key.get(key);
        let start = rows.map_or(0, |rows| rows.partition_point(|(time, _)| *time < from));
        rows.into_iter()
            .flat_map(move |rows| rows.get(start..).unwrap_or(&[]))
            .take_while(move |(time, _)| *time <= to)
    }
}

impl JoinState {
    pub(crate) fn new(plan: &JoinPlan) -> Self {
        let retention = plan
            .before_ms
            .saturating_add(plan.after_ms)
            .saturating_add(plan.grace_ms);
        Self {
            left: Store::new(retention),
            right: Store::new(retention),
            unmatched: BTreeMap::new(),
            stream_time: -1,
            oldest_unmatched: i64::MAX,
        }
    }

    /// Advances the time of the join. Called for every record, even one without a key or value.
    pub(crate) fn advance(&mut self, timestamp: i64) {
        self.stream_time = self.stream_time.max(timestamp);
    }

    /// Matches and stores a row with a key; call [`advance`](Self::advance) first. Appends pairs with
    /// their keys.
    pub(crate) fn process(
        &mut self,
        plan: &JoinPlan,
        side: Side,
        key: Key,
        timestamp: i64,
        row: SharedRow,
        pairs: &mut Vec<(Key, Pair)>,
    ) {
        let (back, ahead) = match side {
            Side::Left => (plan.before_ms, plan.after_ms),
            Side::Right => (plan.after_ms, plan.before_ms),
        };
        let defers_unmatched = plan.kind == JoinKind::Left && plan.unmatched_wait;
        if defers_unmatched && timestamp == self.stream_time {
            self.emit_unmatched(plan, ahead, pairs);
        }
        let from = timestamp.saturating_sub(back).max(0);
        let to = timestamp.saturating_add(ahead).max(0);
        let mut matched = false;
        let other = match side {
            Side::Left => &self.right,
            Side::Right => &self.left,
        };
        for (time, found) in other.fetch(&key, from, to) {
            matched = true;
            if defers_unmatched && side == Side::Right {
                self.unmatched.remove(&(*time, Arc::clone(&key)));
            }
            let (left, right) = match side {
                Side::Left => (&row, found),
                Side::Right => (found, &row),
            };
            pairs.push((
                Arc::clone(&key),
                Pair {
                    left: Arc::clone(left),
                    right: Some(Arc::clone(right)),
                    timestamp: timestamp.max(*time),
                },
            ));
        }
        if !matched && side == Side::Left && plan.kind == JoinKind::Left {
            if !defers_unmatched || to < self.stream_time {
                pairs.push((
                    Arc::clone(&key),
                    Pair {
                        left: Arc::clone(&row),
                        right: None,
                        timestamp,
                    },
                ));
            } else {
                self.oldest_unmatched = self.oldest_unmatched.min(timestamp);
                self.unmatched
                    .entry((timestamp, Arc::clone(&key)))
                    .or_default()
                    .push(Arc::clone(&row));
            }
        }
        match side {
            Side::Left => self.left.put(key, timestamp, row),
            Side::Right => self.right.put(key, timestamp, row),
        }
    }

    /// Emits left rows that can no longer match, the oldest first.
    fn emit_unmatched(&mut self, plan: &JoinPlan, ahead: i64, pairs: &mut Vec<(Key, Pair)>) {
        let closed = self
            .stream_time
            .saturating_sub(ahead)
            .saturating_sub(plan.grace_ms);
        if self.oldest_unmatched >= closed {
            return;
        }
        self.oldest_unmatched = i64::MAX;
        while let Some(entry) = self.unmatched.first_entry() {
            let time = entry.key().0;
            self.oldest_unmatched = time;
            let open_until = time
                .saturating_add(plan.after_ms)
                .saturating_add(plan.grace_ms);
            if open_until >= self.stream_time {
                break;
            }
            let ((_, key), rows) = entry.remove_entry();
            for left in rows {
                pairs.push((
                    Arc::clone(&key),
                    Pair {
                        left,
                        right: None,
                        timestamp: time,
                    },
                ));
            }
        }
    }
}
