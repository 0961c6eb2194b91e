//! The order of records from several partitions.
//!
//! As in Kafka Streams with `max.task.idle.ms=0`: once each partition has a record or is at its end,
//! the record with the smallest timestamp comes next. No timer is involved. Unlike Kafka Streams, this
//! merges all partitions of a query, not only those that share state. The output of a query is therefore
//! ordered across its partitions: reading a backlog one partition after the other does not make rows
//! late for the next query.

use std::collections::VecDeque;

/// Merges the records of several partitions by timestamp.
#[derive(Debug)]
pub(crate) struct Merger<R> {
    lanes: Vec<Lane<R>>,
    /// The number of lanes that are merged. Groups of this size are independent of each other.
    group: usize,
    /// The number of groups that have started.
    started: usize,
}

#[derive(Debug)]
struct Lane<R> {
    queue: VecDeque<(i64, usize, R)>,
    bytes: usize,
    at_end: bool,
}

impl<R> Merger<R> {
    /// A merger with one lane for each partition of each input, which merges groups of lanes.
    pub(crate) fn new(lanes: usize, group: usize) -> Self {
        let lane = |_| Lane {
            queue: VecDeque::new(),
            bytes: 0,
            at_end: false,
        };
        Self {
            lanes: (0..lanes).map(lane).collect(),
            group: group.max(1),
            started: usize::MAX,
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
            lane.at_end = false;
        }
    }

    /// Records that the end of the lane's partition was reached.
    pub(crate) fn at_end(&mut self, lane: usize) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.at_end = true;
        }
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
        let groups = self.lanes.chunks_mut(self.group).enumerate();
        groups.take(self.started).find_map(|(number, group)| {
            let (index, record) = Self::oldest(group)?;
            Some((number * self.group + index, record))
        })
    }

    fn oldest(lanes: &mut [Lane<R>]) -> Option<(usize, R)> {
        let mut first: Option<(i64, usize)> = None;
        for (index, lane) in lanes.iter().enumerate() {
            match lane.queue.front() {
                Some((timestamp, _, _)) => {
                    if first.is_none_or(|(earliest, _)| *timestamp < earliest) {
                        first = Some((*timestamp, index));
                    }
                }
                None if lane.at_end => {}
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
    use super::Merger;

    fn drain(merger: &mut Merger<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| merger.pop().map(|(_, record)| record)).collect()
    }

    #[test]
    fn records_are_ordered_by_timestamp() {
        let mut merger = Merger::new(2, 2);
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
        let mut merger = Merger::new(2, 2);
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

    #[test]
    fn groups_of_lanes_do_not_wait_for_each_other() {
        let mut merger = Merger::new(4, 2);
        merger.push(0, 10, 1, "0 at 10");
        merger.push(2, 5, 1, "2 at 5");
        merger.at_end(3);
        assert_eq!(drain(&mut merger), ["2 at 5"]);
        merger.at_end(1);
        assert_eq!(drain(&mut merger), ["0 at 10"]);
    }

    #[test]
    fn a_group_that_is_held_back_has_no_next_record() {
        let mut merger = Merger::new(2, 1);
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
        let mut merger = Merger::new(2, 2);
        merger.push(1, 10, 1, "right");
        merger.push(0, 10, 1, "left");
        merger.at_end(0);
        merger.at_end(1);
        assert_eq!(drain(&mut merger), ["left", "right"]);
    }
}
