//! Which joined rows are in the store.

use std::collections::HashSet;

use super::{Account, Ledger};

/// A joined row to look for in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowToCheck {
    number: u64,
    /// The id (`_id`) of the row.
    pub id: String,
}

impl Ledger {
    /// How many rows were found in the store.
    pub fn found_rows(&self) -> u64 {
        self.found_rows
    }

    /// How many records have a joined row that the store is not known to have.
    pub fn unstored(&self) -> usize {
        self.unstored.len()
    }

    /// At most `limit` rows that the store is not known to have, of records that arrived after `after`; with
    /// the value of `after` for the next rows, `None` at the end.
    pub fn rows_to_check(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> (Vec<RowToCheck>, Option<u64>) {
        let from = after.map_or(0, |after| after + 1);
        let mut rows = Vec::new();
        for number in self.unstored.range(from..) {
            let account = self.at(*number);
            rows.extend(account.into_iter().flat_map(Account::unstored).map(|id| {
                let number = *number;
                RowToCheck { number, id }
            }));
            if rows.len() >= limit {
                return (rows, Some(*number));
            }
        }
        (rows, None)
    }

    /// Notes the store's answer: which of these rows it has.
    pub fn note_stored(&mut self, checked: &[RowToCheck], found: &HashSet<String>) {
        for RowToCheck { number, id } in checked {
            let is_found = found.contains(id);
            self.found_rows += u64::from(is_found);
            self.change(*number, |account| account.set_stored(id, is_found));
            if self.at(*number).is_none_or(Account::all_stored) {
                self.unstored.remove(number);
            }
        }
    }
}
