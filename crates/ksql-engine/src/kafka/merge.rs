//! In which order records of several partitions are taken.
//!
//! As Kafka Streams does with `max.task.idle.ms=0`: of the partitions that share state, the record
//! with the smallest timestamp comes next, as soon as each partition has a record waiting or is
//! known to have no more. There is no waiting by the clock.

use std::collections::VecDeque;

/// Records of several partitions on their way to one query.
#[derive(Debug)]
pub struct Merger<R> {
    lanes: Vec<Lane<R>>,
    groups: Vec<Vec<usize>>,
    group_of: Vec<usize>,
}

#[derive(Debug)]
struct Lane<R> {
    waiting: VecDeque<(i64, usize, R)>,
    bytes: usize,
    at_end: bool,
}

impl<R> Merger<R> {
    /// `groups` lists the lanes that share state; each lane is in one group.
    pub fn new(groups: Vec<Vec<usize>>) -> Self {
        let count = groups.iter().flatten().max().map_or(0, |last| last + 1);
        let mut group_of = vec![0; count];
        for (index, group) in groups.iter().enumerate() {
            for lane in group {
                if let Some(place) = group_of.get_mut(*lane) {
                    *place = index;
                }
            }
        }
        let lane = |_| Lane {
            waiting: VecDeque::new(),
            bytes: 0,
            at_end: false,
        };
        Self {
            lanes: (0..count).map(lane).collect(),
            groups,
            group_of,
        }
    }

    /// A record of `bytes` bytes arrived behind all others of its lane.
    pub fn push(&mut self, lane: usize, timestamp: i64, bytes: usize, record: R) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.waiting.push_back((timestamp, bytes, record));
            lane.bytes += bytes;
            lane.at_end = false;
        }
    }

    /// The lane's partition has no more records for now.
    pub fn at_end(&mut self, lane: usize) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.at_end = true;
        }
    }

    /// How many records wait in a lane, and their bytes.
    pub fn waiting(&self, lane: usize) -> (usize, usize) {
        self.lanes
            .get(lane)
            .map_or((0, 0), |lane| (lane.waiting.len(), lane.bytes))
    }

    /// The next record of the group to which `lane` belongs, if its turn has come.
    pub fn next_with(&mut self, lane: usize) -> Option<(usize, R)> {
        let group = self.groups.get(*self.group_of.get(lane)?)?;
        let mut first: Option<(i64, usize)> = None;
        for lane in group {
            let candidate = self.lanes.get(*lane)?;
            match candidate.waiting.front() {
                Some((timestamp, _, _)) => {
                    if first.is_none_or(|(earliest, _)| *timestamp < earliest) {
                        first = Some((*timestamp, *lane));
                    }
                }
                None if candidate.at_end => {}
                None => return None,
            }
        }
        let (_, lane) = first?;
        let chosen = self.lanes.get_mut(lane)?;
        let (_, bytes, record) = chosen.waiting.pop_front()?;
        chosen.bytes -= bytes;
        Some((lane, record))
    }
}

#[cfg(test)]
mod tests {
    use super::Merger;

    fn drain(merger: &mut Merger<&'static str>, lane: usize) -> Vec<&'static str> {
        std::iter::from_fn(|| merger.next_with(lane).map(|(_, record)| record)).collect()
    }

    #[test]
    fn records_of_lanes_that_share_state_come_by_timestamp() {
        let mut merger = Merger::new(vec![vec![0, 1]]);
        merger.push(0, 10, 1, "left 10");
        merger.push(0, 30, 1, "left 30");
        merger.push(1, 20, 1, "right 20");
        merger.push(1, 40, 1, "right 40");
        assert_eq!(drain(&mut merger, 0), ["left 10", "right 20", "left 30"]);
        merger.at_end(0);
        assert_eq!(drain(&mut merger, 0), ["right 40"]);
    }

    #[test]
    fn a_lane_that_may_have_more_is_waited_for_and_one_at_its_end_is_not() {
        let mut merger = Merger::new(vec![vec![0, 1]]);
        merger.push(0, 10, 1, "left 10");
        assert!(drain(&mut merger, 0).is_empty());
        merger.at_end(1);
        assert_eq!(drain(&mut merger, 1), ["left 10"]);
        merger.push(1, 5, 1, "right 5");
        assert!(drain(&mut merger, 1).is_empty(), "the left one may have an older record");
        merger.at_end(0);
        assert_eq!(drain(&mut merger, 0), ["right 5"]);
    }

    #[test]
    fn lanes_of_other_groups_do_not_wait_for_each_other() {
        let mut merger = Merger::new(vec![vec![0], vec![1]]);
        merger.push(1, 10, 1, "alone");
        assert_eq!(drain(&mut merger, 1), ["alone"]);
    }

    #[test]
    fn of_equal_timestamps_the_left_input_comes_first() {
        let mut merger = Merger::new(vec![vec![0, 1]]);
        merger.push(1, 10, 1, "right");
        merger.push(0, 10, 1, "left");
        merger.at_end(0);
        merger.at_end(1);
        assert_eq!(drain(&mut merger, 0), ["left", "right"]);
    }
}
