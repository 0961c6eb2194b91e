//! The order of records from several partitions.
//!
//! As in Kafka Streams: once each partition has a record or has been at its end for `max.task.idle.ms` (usually
//! 0), the record with the smallest timestamp comes next. Unlike Kafka Streams, this
//! merges all partitions of a query, not only those that share state. The output of a query is therefore
//! ordered across its partitions: reading a backlog one partition after the other does not make rows
//! late for the next query.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How long a query waits for more records of a partition at its end before it processes later ones of other
/// partitions, as `max.task.idle.ms` of Kafka Streams: 0 until it is set. Clones share it.
///
/// It keeps the order of records whose producers are faster than event time. Otherwise it only delays them.
#[derive(Clone, Debug, Default)]
pub struct MaxTaskIdle(Arc<AtomicU64>);

impl MaxTaskIdle {
    /// Sets it, in whole milliseconds, for queries that run and those that will.
    pub fn set(&self, idle: Duration) {
        let millis = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        self.0.store(millis, Ordering::Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Merges the records of several partitions by timestamp.
#[derive(Debug)]
pub(crate) struct Merger<R> {
    lanes: Vec<Lane<R>>,
    /// The number of lanes that are merged. Groups of this size are independent of each other.
    group: usize,
    /// The number of groups that have started.
    started: usize,
    /// How long a lane at its end blocks its group.
    idle: MaxTaskIdle,
}

#[derive(Debug)]
struct Lane<R> {
    queue: VecDeque<(i64, usize, R)>,
    bytes: usize,
    /// When the end of the partition was reached; `None` if more was read since.
    at_end: Option<Instant>,
}

impl<R> Merger<R> {
    /// A merger with one lane for each partition of each input, which merges groups of lanes. The others wait
    /// for `idle` for a lane that has reached its end.
    pub(crate) fn new(lanes: usize, group: usize, idle: MaxTaskIdle) -> Self {
        let lane = |_| Lane {
            queue: VecDeque::new(),
            bytes: 0,
            at_end: None,
        };
        Self {
            lanes: (0..lanes).map(lane).collect(),
            group: group.max(1),
            started: usize::MAX,
            idle,
        }
    }

    /// Holds all groups back until they are [started](Self::start_group).
    pub(crate) fn hold(&mut self) {
        self.started = 0;
    }

    /// Starts the first group that is held back.
    pub(crate) fn start_group(&mut self) {
        self.started = self.started.saturating_add(1);
    }

    /// Adds a record of `bytes` bytes at the end of a lane.
    pub(crate) fn push(&mut self, lane: usize, timestamp: i64, bytes: usize, record: R) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.queue.push_back((timestamp, bytes, record));
            lane.bytes += bytes;
            lane.at_end = None;
        }
    }

    /// Records that the end of the lane's partition was reached.
    pub(crate) fn at_end(&mut self, lane: usize) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.at_end.get_or_insert_with(Instant::now);
        }
    }

    /// When the next record may come although no further one was added; `None` if it needs one.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        let groups = self.lanes.chunks(self.group).take(self.started);
        let ready_at = |group: &[Lane<R>]| {
            let has_records = group.iter().any(|lane| !lane.queue.is_empty());
            let empty = group.iter().filter(|lane| lane.queue.is_empty());
            let ends: Option<Vec<Instant>> = empty.map(|lane| lane.at_end).collect();
            ends.filter(|_| has_records)?.into_iter().max()
        };
        Some(groups.filter_map(ready_at).min()? + self.idle.get())
    }

    /// The number of queued records in a lane, and their bytes.
    pub(crate) fn queued(&self, lane: usize) -> (usize, usize) {
        self.lanes
            .get(lane)
            .map_or((0, 0), |lane| (lane.queue.len(), lane.bytes))
    }

    /// The next record of a group with its lane; `None` while an older one may still arrive. At equal
    /// timestamps, the first lane comes first.
    pub(crate) fn pop(&mut self) -> Option<(usize, R)> {
        let idle = self.idle.get();
        let groups = self.lanes.chunks_mut(self.group).enumerate();
        groups.take(self.started).find_map(|(number, group)| {
            let (index, record) = Self::oldest(group, idle)?;
            Some((number * self.group + index, record))
        })
    }

    fn oldest(lanes: &mut [Lane<R>], idle: Duration) -> Option<(usize, R)> {
        let mut first: Option<(i64, usize)> = None;
        for (index, lane) in lanes.iter().enumerate() {
            match lane.queue.front() {
                Some((timestamp, _, _)) => {
                    if first.is_none_or(|(earliest, _)| *timestamp < earliest) {
                        first = Some((*timestamp, index));
                    }
                }
                None if lane.at_end.is_some_and(|since| since.elapsed() >= idle) => {}
                None => return None,
            }
        }
        let (_, index) = first?;
        let lane = lanes.get_mut(index)?;
        let (_, bytes, record) = lane.queue.pop_front()?;
        lane.bytes -= bytes;
        Some((index, record))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, advance};

    use super::{MaxTaskIdle, Merger};

    fn drain(merger: &mut Merger<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| merger.pop().map(|(_, record)| record)).collect()
    }

    #[test]
    fn records_are_ordered_by_timestamp() {
        let mut merger = Merger::new(2, 2, MaxTaskIdle::default());
        merger.push(0, 10, 1, "left 10");
        merger.push(0, 30, 1, "left 30");
        merger.push(1, 20, 1, "right 20");
        merger.push(1, 40, 1, "right 40");
        assert_eq!(drain(&mut merger), ["left 10", "right 20", "left 30"]);
        merger.at_end(0);
        assert_eq!(drain(&mut merger), ["right 40"]);
    }

    #[test]
    fn only_lanes_that_are_not_at_their_end_block_the_merge() {
        let mut merger = Merger::new(2, 2, MaxTaskIdle::default());
        merger.push(0, 10, 1, "left 10");
        assert!(drain(&mut merger).is_empty());
        merger.at_end(1);
        assert_eq!(drain(&mut merger), ["left 10"]);
        merger.push(1, 5, 1, "right 5");
        assert!(
            drain(&mut merger).is_empty(),
            "an older record may arrive in the left lane"
        );
        merger.at_end(0);
        assert_eq!(drain(&mut merger), ["right 5"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_at_its_end_blocks_the_merge_while_it_is_idle() {
        let idle = Duration::from_millis(100);
        let max_task_idle = MaxTaskIdle::default();
        let mut merger = Merger::new(2, 2, max_task_idle.clone());
        max_task_idle.set(idle);
        merger.at_end(1);
        assert_eq!(merger.next_at(), None, "there is no record");
        merger.push(0, 10, 1, "left 10");
        merger.push(0, 30, 1, "left 30");
        assert_eq!(merger.next_at(), Some(Instant::now() + idle));
        advance(Duration::from_millis(99)).await;
        assert!(drain(&mut merger).is_empty());
        merger.push(1, 20, 1, "right 20");
        assert_eq!(drain(&mut merger), ["left 10", "right 20"]);
        assert_eq!(merger.next_at(), None, "the right lane is not at its end");
        merger.at_end(1);
        advance(idle).await;
        assert_eq!(drain(&mut merger), ["left 30"]);
    }

    #[test]
    fn groups_of_lanes_do_not_wait_for_each_other() {
        let mut merger = Merger::new(4, 2, MaxTaskIdle::default());
        merger.push(0, 10, 1, "0 at 10");
        merger.push(2, 5, 1, "2 at 5");
        merger.at_end(3);
        assert_eq!(drain(&mut merger), ["2 at 5"]);
        merger.at_end(1);
        assert_eq!(drain(&mut merger), ["0 at 10"]);
    }

    #[test]
    fn a_group_that_is_held_back_has_no_next_record() {
        let mut merger = Merger::new(2, 1, MaxTaskIdle::default());
        merger.hold();
        merger.push(0, 10, 1, "0 at 10");
        merger.push(1, 5, 1, "1 at 5");
        assert!(drain(&mut merger).is_empty());
        merger.start_group();
        assert_eq!(drain(&mut merger), ["0 at 10"]);
        merger.start_group();
        assert_eq!(drain(&mut merger), ["1 at 5"]);
    }

    #[test]
    fn at_equal_timestamps_the_first_lane_comes_first() {
        let mut merger = Merger::new(2, 2, MaxTaskIdle::default());
        merger.push(1, 10, 1, "right");
        merger.push(0, 10, 1, "left");
        merger.at_end(0);
        merger.at_end(1);
        assert_eq!(drain(&mut merger), ["left", "right"]);
    }
}
