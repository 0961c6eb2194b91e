//! Which offset of a partition may be stored. Pure arithmetic, without Kafka.

use std::collections::BTreeMap;
use std::ops::Range;

/// Tracks one partition's batches, which may finish in any order.
///
/// An offset may be stored when everything before it is finished. Each batch starts where the one
/// before it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OffsetTracker {
    /// Everything before this offset is finished.
    finished: i64,
    /// Everything before this offset has been started.
    started: i64,
    /// Finished batches after an unfinished one: start to end.
    waiting: BTreeMap<i64, i64>,
}

impl OffsetTracker {
    /// For a partition whose first record has offset `start`.
    pub(super) fn new(start: i64) -> Self {
        Self {
            finished: start,
            started: start,
            waiting: BTreeMap::new(),
        }
    }

    /// Where the next batch starts.
    pub(super) fn next_start(&self) -> i64 {
        self.started
    }

    /// Starts the batch from [`Self::next_start`] up to `end` (exclusive).
    pub(super) fn start(&mut self, end: i64) {
        self.started = self.started.max(end);
    }

    /// Finishes a batch, or several that were merged. Returns the offset to store (the first that is
    /// not finished) if it changed.
    pub(super) fn finish(&mut self, range: Range<i64>) -> Option<i64> {
        self.waiting.insert(range.start, range.end);
        let before = self.finished;
        while let Some(end) = self.waiting.remove(&self.finished) {
            self.finished = end;
        }
        (self.finished != before).then_some(self.finished)
    }

    /// Whether no batch is in progress.
    pub(super) fn is_idle(&self) -> bool {
        self.finished == self.started
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_batch_after_an_unfinished_one_stores_nothing() {
        let mut tracker = OffsetTracker::new(10);
        tracker.start(12);
        tracker.start(15);
        assert_eq!(tracker.finish(12..15), None);
        assert!(!tracker.is_idle());
        assert_eq!(tracker.finish(10..12), Some(15));
        assert!(tracker.is_idle());
    }

    proptest! {
        #[test]
        fn the_stored_offset_is_the_start_of_the_first_unfinished_batch(
            lengths in prop::collection::vec(1i64..20, 1..30),
            order in any::<prop::sample::Index>().prop_perturb(|_, mut rng| rng.next_u64()),
        ) {
            let mut tracker = OffsetTracker::new(100);
            let mut open: Vec<Range<i64>> = lengths
                .iter()
                .map(|length| {
                    let start = tracker.next_start();
                    tracker.start(start + length);
                    start..start + length
                })
                .collect();
            let end = tracker.next_start();
            let (mut seed, mut stored) = (order, 100);
            while !open.is_empty() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let pick = usize::try_from(seed >> 33).unwrap_or(0) % open.len();
                if let Some(offset) = tracker.finish(open.remove(pick)) {
                    stored = offset;
                }
                let first_open = open.iter().map(|range| range.start).min().unwrap_or(end);
                prop_assert_eq!(stored, first_open);
            }
            prop_assert!(tracker.is_idle());
        }
    }
}
