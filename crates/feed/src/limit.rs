//! How far a feed may go: the backpressure of those that process its records.

use pipeline::EventTime;

use crate::deliveries::{Kind, Outgoing};

/// The player waits before a record beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many measured records this run may send.
    pub measured: u64,
    /// How many actual values it may send.
    pub actual: u64,
    /// The time of the last record that it may send; `None`: any time.
    pub until: Option<EventTime>,
}

impl Limit {
    /// No limit.
    pub const NONE: Self = Self {
        measured: u64::MAX,
        actual: u64::MAX,
        until: None,
    };
}

/// How many records of each kind were sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    measured: u64,
    actual: u64,
}

impl Sent {
    pub(crate) fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Measured => self.measured += 1,
            Kind::Actual => self.actual += 1,
        }
    }

    /// Whether the limit allows to send one more record.
    pub(crate) fn allows(self, limit: Limit, record: &Outgoing) -> bool {
        let in_time = limit.until.is_none_or(|until| record.at <= until);
        let in_number = match record.kind {
            Kind::Measured => self.measured < limit.measured,
            Kind::Actual => self.actual < limit.actual,
        };
        in_time && in_number
    }
}
