//! How far the machines may go: the backpressure of those that process their records.

use pipeline::EventTime;

use crate::simulation::Event;

/// The machines wait before an event beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many fish this run may measure.
    pub measured: u64,
    /// How many weighings it may write.
    pub weighed: u64,
    /// The time of the last event that it may write; `None`: any time.
    pub until: Option<EventTime>,
}

impl Limit {
    /// No limit.
    pub const NONE: Self = Self {
        measured: u64::MAX,
        weighed: u64::MAX,
        until: None,
    };
}

/// How many records of each kind were written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    measured: u64,
    weighed: u64,
}

impl Written {
    pub(crate) fn count(&mut self, event: &Event) {
        match event {
            Event::Measured(_) => self.measured += 1,
            Event::Weighed(_) => self.weighed += 1,
        }
    }

    /// Whether the limit allows to write one more event.
    pub(crate) fn allows(self, limit: Limit, event: &Event) -> bool {
        let in_time = limit.until.is_none_or(|until| event.at() <= until);
        let in_number = match event {
            Event::Measured(_) => self.measured < limit.measured,
            Event::Weighed(_) => self.weighed < limit.weighed,
        };
        in_time && in_number
    }
}
