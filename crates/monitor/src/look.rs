//! A look into the store: which rows it was asked for, and which of them it has. The topics go on
//! meanwhile: of later rows nothing is known.

use std::collections::HashSet;
use std::time::Instant;

use report::ledger::Fish;

/// What a look into the store found.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// The rows that are there, by their identities (`_id`).
    pub(crate) found: HashSet<String>,
    /// Those that are not.
    missing: HashSet<String>,
    /// When a look last found a row that the one before it did not; at first, when that look was.
    pub(crate) grew: Instant,
}

impl Look {
    /// The look that found these among the rows that were asked for, after the one before it.
    pub(crate) fn after(
        before: Option<&Self>,
        mut asked: HashSet<String>,
        found: HashSet<String>,
        now: Instant,
    ) -> Self {
        asked.retain(|id| !found.contains(id));
        let nothing_new = before.filter(|before| found.is_subset(&before.found));
        Self {
            grew: nothing_new.map_or(now, |before| before.grew),
            missing: asked,
            found,
        }
    }

    /// Whether the store has a row; none where it was not asked for it.
    pub(crate) fn has(&self, id: &str) -> Option<bool> {
        if self.found.contains(id) {
            return Some(true);
        }
        self.missing.contains(id).then_some(false)
    }

    /// Whether the store was asked for all rows of a fish.
    pub(crate) fn was_for(&self, fish: &Fish) -> bool {
        fish.row_ids.iter().all(|id| self.has(id).is_some())
    }

    /// Whether the store was asked for rows of a fish and has none.
    pub(crate) fn lacks(&self, fish: &Fish) -> bool {
        let mut rows = fish.row_ids.iter().filter_map(|id| self.has(id)).peekable();
        rows.peek().is_some() && !rows.any(|is_there| is_there)
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
    fn of_a_row_that_came_after_the_question_nothing_is_known() {
        let look = Look::after(None, rows(&["1", "2"]), rows(&["1"]), Instant::now());
        assert_eq!(
            ["1", "2", "3"].map(|id| look.has(id)),
            [Some(true), Some(false), None]
        );
        let of = |row: &str| Fish {
            row_ids: vec![row.to_owned()],
            ..Fish::default()
        };
        assert_eq!(
            ["1", "2", "3"].map(|row| look.lacks(&of(row))),
            [false, true, false]
        );
        assert_eq!(
            ["1", "2", "3"].map(|row| look.was_for(&of(row))),
            [true, true, false]
        );
    }

    #[test]
    fn a_store_has_grown_when_a_look_finds_what_the_one_before_it_did_not() {
        let began = Instant::now();
        let at = |second: u64| began + Duration::from_secs(second);
        let first = Look::after(None, rows(&["1", "2"]), rows(&[]), at(0));
        let second = Look::after(Some(&first), rows(&["1", "2"]), rows(&[]), at(1));
        assert_eq!(second.grew, at(0));
        let third = Look::after(Some(&second), rows(&["1", "2"]), rows(&["2"]), at(2));
        assert_eq!(third.grew, at(2));
        // What is not asked for any more is no news.
        let fourth = Look::after(Some(&third), rows(&["1"]), rows(&[]), at(3));
        assert_eq!(fourth.grew, at(2));
    }
}
