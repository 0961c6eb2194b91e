//! In which order records of several partitions are taken.
//!
//! As Kafka Streams does with `max.task.idle.ms=0` for the inputs of a join: the record with the
//! smallest timestamp comes next, as soon as each partition has a record waiting or is known to have
//! no more. There is no waiting by the clock. Other than there, all partitions of a query are merged,
//! not only those that share state: what a query writes is then in order over all its partitions, and
//! a query behind it finds no row late because a backlog was read one partition after the other.

use std::collections::VecDeque;

/// Records of several partitions on their way to one query.
#[derive(Debug)]
pub struct Merger<R> {
    lanes: Vec<Lane<R>>,
}

#[derive(Debug)]
struct Lane<R> {
    waiting: VecDeque<(i64, usize, R)>,
    bytes: usize,
    at_end: bool,
}

impl<R> Merger<R> {
    /// One lane for each partition of each input.
    pub fn new(lanes: usize) -> Self {
        let lane = |_| Lane {
            waiting: VecDeque::new(),
            bytes: 0,
            at_end: false,
        };
        Self {
            lanes: (0..lanes).map(lane).collect(),
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

    /// The next record with its lane, if its turn has come. Of equal times the first lane's.
    pub fn pop(&mut self) -> Option<(usize, R)> {
        let mut first: Option<(i64, usize)> = None;
        for (index, lane) in self.lanes.iter().enumerate() {
            match lane.waiting.front() {
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
        let lane = self.lanes.get_mut(index)?;
        let (_, bytes, record) = lane.waiting.pop_front()?;
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
    fn records_come_by_timestamp() {
        let mut merger = Merger::new(2);
        merger.push(0, 10, 1, "left 10");
        merger.push(0, 30, 1, "left 30");
        merger.push(1, 20, 1, "right 20");
        merger.push(1, 40, 1, "right 40");
        assert_eq!(drain(&mut merger), ["left 10", "right 20", "left 30"]);
        merger.at_end(0);
        assert_eq!(drain(&mut merger), ["right 40"]);
    }

    #[test]
    fn a_lane_that_may_have_more_is_waited_for_and_one_at_its_end_is_not() {
        let mut merger = Merger::new(2);
        merger.push(0, 10, 1, "left 10");
        assert!(drain(&mut merger).is_empty());
        merger.at_end(1);
        assert_eq!(drain(&mut merger), ["left 10"]);
        merger.push(1, 5, 1, "right 5");
        assert!(
            drain(&mut merger).is_empty(),
            "the left one may have an older record"
        );
        merger.at_end(0);
        assert_eq!(drain(&mut merger), ["right 5"]);
    }

    #[test]
    fn of_equal_timestamps_the_first_lane_comes_first() {
        let mut merger = Merger::new(2);
        merger.push(1, 10, 1, "right");
        merger.push(0, 10, 1, "left");
        merger.at_end(0);
        merger.at_end(1);
        assert_eq!(drain(&mut merger), ["left", "right"]);
    }
}
