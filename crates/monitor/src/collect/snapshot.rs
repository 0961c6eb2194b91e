//! What a query of the store changed.

use std::time::Instant;

/// The store after a query. The ledger knows which rows it has.
#[derive(Clone, Debug)]
pub(crate) struct StoreSnapshot {
    /// How many rows were found so far.
    found: u64,
    /// When a query last found a new row, or the time of the first query.
    pub(crate) grew: Instant,
}

impl StoreSnapshot {
    pub(super) fn new(previous: Option<&Self>, found: u64, now: Instant) -> Self {
        let unchanged = previous.filter(|previous| previous.found == found);
        Self {
            found,
            grew: unchanged.map_or(now, |previous| previous.grew),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_store_grows_when_a_query_finds_a_row() {
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let first = StoreSnapshot::new(None, 0, at(0));
        let second = StoreSnapshot::new(Some(&first), 0, at(1));
        assert_eq!(second.grew, at(0));
        let third = StoreSnapshot::new(Some(&second), 1, at(2));
        assert_eq!(third.grew, at(2));
    }
}
