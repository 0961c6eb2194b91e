//! How many records passed which steps, updated with each record.

use pipeline::{Definition, EventTime};

use super::Account;
use crate::standstill::Step;

const MEASURED: usize = 1;
const PREDICTED: usize = 2;
const WEIGHED: usize = 4;
const JOINED: usize = 8;
const STORED: usize = 16;

/// The steps that a record has passed, as a bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passed {
    steps: usize,
    /// Whether it was [first seen](Account::first_seen) after the time that counts.
    late: bool,
}

impl Passed {
    pub(super) fn by(account: &Account, until: Option<EventTime>) -> Self {
        let bit = |passed: bool, bit| if passed { bit } else { 0 };
        Self {
            steps: bit(account.measured().is_some(), MEASURED)
                | bit(account.predicted().is_some(), PREDICTED)
                | bit(account.weighed().is_some(), WEIGHED)
                | bit(account.joined().is_some(), JOINED)
                | bit(account.is_stored() == Some(true), STORED),
            late: until.is_some_and(|until| account.first_seen() > Some(until)),
        }
    }
}

/// The number of records for each set of passed steps. Late records are counted separately.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    records: [u64; 32],
    late: u64,
}

impl Counts {
    pub(super) fn add(&mut self, passed: Passed) {
        *self.of(passed) += 1;
    }

    pub(super) fn remove(&mut self, passed: Passed) {
        *self.of(passed) -= 1;
    }

    fn of(&mut self, passed: Passed) -> &mut u64 {
        if passed.late {
            return &mut self.late;
        }
        &mut self.records[passed.steps % 32]
    }

    pub(super) fn late(&self) -> u64 {
        self.late
    }

    fn count(&self, is_so: impl Fn(usize) -> bool) -> u64 {
        let records = self.records.iter().enumerate();
        records
            .filter(|(steps, _)| is_so(*steps))
            .map(|(_, count)| count)
            .sum()
    }

    pub(super) fn progress(&self) -> StepCounts {
        let with = |step| self.count(|steps| steps & step != 0);
        StepCounts {
            measured: with(MEASURED),
            predicted: with(PREDICTED),
            weighed: with(WEIGHED),
            joined: with(JOINED),
            stored: with(STORED),
        }
    }

    /// The number of records that are not joined, by the first step they miss; with a plan, also the records
    /// that were not seen yet.
    pub(super) fn pending<'a>(
        &self,
        planned: Option<u64>,
        definition: &'a Definition,
    ) -> [(u64, &'a str); 4] {
        let missing = |passed: usize, step: usize| {
            self.count(|steps| steps & JOINED == 0 && steps & passed == passed && steps & step == 0)
        };
        let unseen = planned.map_or(0, |planned| planned.saturating_sub(self.count(|_| true)));
        [
            (unseen + missing(0, MEASURED), "measured"),
            (missing(MEASURED, PREDICTED), "predicted"),
            (
                missing(MEASURED | PREDICTED, WEIGHED),
                &definition.actual_step,
            ),
            (missing(MEASURED | PREDICTED | WEIGHED, JOINED), "joined"),
        ]
    }
}

/// How many records passed each step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepCounts {
    /// With a measurement.
    pub measured: u64,
    /// With a prediction.
    pub predicted: u64,
    /// With an actual value.
    pub weighed: u64,
    /// With a joined row.
    pub joined: u64,
    /// With a row that was found in the store.
    pub stored: u64,
}

impl StepCounts {
    /// How many records wait for a step: they have passed the one before it.
    pub fn waiting(&self, step: Step) -> u64 {
        let (reached, passed) = match step {
            Step::Predicted => (self.measured, self.predicted),
            Step::Weighed => (self.measured, self.weighed),
            Step::Joined => (self.predicted.min(self.weighed), self.joined),
            Step::Stored => (self.joined, self.stored),
        };
        reached.saturating_sub(passed)
    }

    /// How many records passed a step.
    pub fn passed(&self, step: Step) -> u64 {
        match step {
            Step::Predicted => self.predicted,
            Step::Weighed => self.weighed,
            Step::Joined => self.joined,
            Step::Stored => self.stored,
        }
    }

    /// The step for which most records wait, without the actual value: when it becomes known is up to
    /// the plan.
    pub fn furthest_behind(&self) -> Option<(Step, u64)> {
        let steps = Step::ALL.into_iter().filter(|step| *step != Step::Weighed);
        let waiting = steps.map(|step| (step, self.waiting(step)));
        let furthest = waiting.max_by_key(|(_, records)| *records)?;
        (furthest.1 > 0).then_some(furthest)
    }
}
