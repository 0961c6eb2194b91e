//! Which records a report is about.

use std::time::Duration;

use pipeline::EventTime;

use super::{Account, Ledger};

/// Which records a report is about; the default selects all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only records [first seen](Account::first_seen) until this time.
    pub until: Option<EventTime>,
    /// Only records first seen after this time.
    pub after: Option<EventTime>,
    /// Of the records that are not stored, only those first seen before this time.
    pub in_flight_since: Option<EventTime>,
    /// Whether the ledger knows which rows are stored. If not, a joined record counts as stored.
    pub store_is_known: bool,
    /// Only records whose rows the store was queried for.
    pub rows_are_known: bool,
}

impl Selection {
    /// Leaves out the records in flight: not stored yet, and first seen no longer than `flight` (event time)
    /// before the newest record.
    #[must_use]
    pub fn without_in_flight(self, ledger: &Ledger, flight: Duration) -> Self {
        let newest = ledger.newest_seen();
        Self {
            in_flight_since: newest.map(|newest| newest.before(flight)),
            ..self
        }
    }

    /// Whether a record counts as stored.
    pub(crate) fn is_stored(&self, account: &Account) -> bool {
        if self.store_is_known {
            account.is_stored() == Some(true)
        } else {
            account.has_row()
        }
    }

    /// Whether a record is selected.
    pub fn includes(&self, account: &Account) -> bool {
        let seen = account.first_seen();
        let late = self
            .until
            .is_some_and(|until| seen.is_some_and(|seen| seen > until));
        let early = self.after.is_some_and(|after| seen <= Some(after));
        let in_flight = self
            .in_flight_since
            .is_some_and(|since| seen >= Some(since) && !self.is_stored(account));
        !(late || early || in_flight || self.rows_are_known && !account.rows_are_known())
    }
}
