//! Standstills: steps that records reach but no longer pass.

use std::time::Duration;

use pipeline::{Definition, EventTime, topics};

use crate::ledger::{Account, Ledger};

/// A step that no record has passed for some time, although records reached it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standstill {
    /// The step.
    pub step: Step,
    /// How many records wait for it.
    pub records: u64,
    /// How many of them are dead letters of the topic that the step reads.
    pub dead_letters: u64,
    /// The first record that waits.
    pub first_record: String,
    /// When it reached the step, event time.
    pub since: EventTime,
    /// Event time from then to the newest records that reached the step.
    pub waited: Duration,
}

/// A step of the pipeline after the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A measured record is predicted.
    Predicted,
    /// The actual value of a measured record is known.
    Weighed,
    /// Predicted and actual value of a record are joined.
    Joined,
    /// A joined record is stored.
    Stored,
}

impl Step {
    /// All steps in order.
    pub const ALL: [Self; 4] = [Self::Predicted, Self::Weighed, Self::Joined, Self::Stored];

    /// The name of the step: what happened to a record that passed it.
    pub fn name(self, definition: &Definition) -> &str {
        match self {
            Self::Predicted => "predicted",
            Self::Weighed => &definition.actual_step,
            Self::Joined => "joined",
            Self::Stored => "stored",
        }
    }

    /// The topic that the step reads record by record; bad records go to its dead letters.
    fn source(self, definition: &Definition) -> Option<&str> {
        match self {
            Self::Predicted => Some(&definition.topics.measured),
            Self::Stored => Some(&definition.topics.rows),
            Self::Weighed | Self::Joined => None,
        }
    }

    /// When a record reached this step, if it did.
    fn reached(self, one: &Account) -> Option<EventTime> {
        match self {
            Self::Predicted | Self::Weighed => one.measured(),
            Self::Joined => one.weighed().filter(|_| one.predicted().is_some()),
            Self::Stored => one.joined().filter(|_| one.is_stored().is_some()),
        }
    }

    /// Whether a record passed this step.
    fn has_passed(self, one: &Account) -> bool {
        match self {
            Self::Predicted => one.predicted().is_some(),
            Self::Weighed => one.weighed().is_some(),
            Self::Joined => one.joined().is_some(),
            Self::Stored => one.is_stored() == Some(true),
        }
    }
}

impl Ledger {
    /// Of the records that passed a step, the one that arrived last.
    pub fn last_passed(&self, step: Step) -> Option<&Account> {
        self.newest_first().find(|one| step.has_passed(one))
    }
}

/// The steps at a standstill, in order. A lost record is not a standstill if later records passed the step.
/// A joined records counts as waiting for the store only if the store was queried for its row; without
/// `store_is_known` none does.
pub fn standstills(ledger: &Ledger, store_is_known: bool) -> Vec<Standstill> {
    let records = ledger.accounts();
    let standstill = |step: Step| {
        let reached = || {
            records
                .iter()
                .filter_map(|one| Some((step.reached(one)?, one.id(), *one)))
        };
        let passed = reached().filter(|(_, _, one)| step.has_passed(one));
        let last_passed = passed.map(|(at, ..)| at).max();
        let newest = reached().map(|(at, ..)| at).max()?;
        let waiting = reached().filter(|(at, ..)| Some(*at) > last_passed);
        let (since, first, _) = waiting.clone().min_by_key(|(at, ..)| *at)?;
        let waited = newest.as_millis().saturating_sub(since.as_millis());
        let dead = step
            .source(ledger.definition())
            .map(topics::dead_letters_of);
        let dead = dead.map(|topic| ledger.dead_letters_of(&topic));
        let is_dead = |id: &str| dead.as_ref().is_some_and(|keys| keys.contains(id));
        Some(Standstill {
            step,
            records: waiting.clone().count() as u64,
            dead_letters: waiting.filter(|(_, id, _)| is_dead(id)).count() as u64,
            first_record: first.to_owned(),
            since,
            waited: Duration::from_millis(waited.unsigned_abs()),
        })
    };
    let known = |step: &Step| store_is_known || *step != Step::Stored;
    let steps = Step::ALL.into_iter().filter(known);
    steps.filter_map(standstill).collect()
}
