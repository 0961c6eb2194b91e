//! A snapshot of the store: which rows were requested, and which of them it has. Rows that arrived after
//! the request are unknown.

use std::collections::HashSet;
use std::time::Instant;

use report::ledger::Fish;

#[derive(Clone, Debug)]
pub(crate) struct StoreSnapshot {
    /// Ids (`_id`) of the rows that the store has.
    pub(crate) found: HashSet<String>,
    /// Ids of the requested rows that it does not have.
    missing: HashSet<String>,
    /// When a snapshot last had a new row, or the time of the first snapshot.
    pub(crate) grew: Instant,
}

impl StoreSnapshot {
    pub(super) fn new(
        previous: Option<&Self>,
        mut requested: HashSet<String>,
        found: HashSet<String>,
        now: Instant,
    ) -> Self {
        requested.retain(|id| !found.contains(id));
        let unchanged = previous.filter(|previous| found.is_subset(&previous.found));
        Self {
            grew: unchanged.map_or(now, |previous| previous.grew),
            missing: requested,
            found,
        }
    }

    /// Whether the store has a row; `None` if the row was not requested.
    pub(crate) fn contains(&self, id: &str) -> Option<bool> {
        if self.found.contains(id) {
            return Some(true);
        }
        self.missing.contains(id).then_some(false)
    }

    /// Whether all rows of a fish were requested.
    pub(crate) fn covers(&self, fish: &Fish) -> bool {
        fish.row_ids.iter().all(|id| self.contains(id).is_some())
    }

    /// Whether rows of a fish were requested, and the store has none of them.
    pub(crate) fn lacks(&self, fish: &Fish) -> bool {
        let rows = fish.row_ids.iter().filter_map(|id| self.contains(id));
        let mut rows = rows.peekable();
        rows.peek().is_some() && !rows.any(|is_stored| is_stored)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rows(ids: &[&str]) -> HashSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_row_that_was_not_requested_is_unknown() {
        let snapshot = StoreSnapshot::new(None, rows(&["1", "2"]), rows(&["1"]), Instant::now());
        let fish = |row: &str| Fish {
            row_ids: vec![row.to_owned()],
            ..Fish::default()
        };
        for (id, contains, lacks, covers) in [
            ("1", Some(true), false, true),
            ("2", Some(false), true, true),
            ("3", None, false, false),
        ] {
            assert_eq!(snapshot.contains(id), contains);
            assert_eq!(snapshot.lacks(&fish(id)), lacks);
            assert_eq!(snapshot.covers(&fish(id)), covers);
        }
    }

    #[test]
    fn a_store_grows_when_a_snapshot_has_a_new_row() {
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let first = StoreSnapshot::new(None, rows(&["1", "2"]), rows(&[]), at(0));
        let second = StoreSnapshot::new(Some(&first), rows(&["1", "2"]), rows(&[]), at(1));
        assert_eq!(second.grew, at(0));
        let third = StoreSnapshot::new(Some(&second), rows(&["1", "2"]), rows(&["2"]), at(2));
        assert_eq!(third.grew, at(2));
        // A row that is no longer requested does not count.
        let fourth = StoreSnapshot::new(Some(&third), rows(&["1"]), rows(&[]), at(3));
        assert_eq!(fourth.grew, at(2));
    }
}
