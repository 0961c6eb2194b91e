//! Standstills: steps that fish reach but no longer pass.

use std::fmt;
use std::time::Duration;

use pipeline::{EventTime, topics};

use crate::ledger::{Fish, Ledger};

/// A step that no fish has passed for some time, although fish reached it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standstill {
    /// The step.
    pub step: Step,
    /// How many fish wait for it.
    pub fish: u64,
    /// How many of them are dead letters of the topic that the step reads.
    pub dead_letters: u64,
    /// The first fish that waits.
    pub first_fish: String,
    /// When it reached the step, event time.
    pub since: EventTime,
    /// Event time from then to the newest fish that reached the step.
    pub waited: Duration,
}

/// A step of the pipeline after the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A measured fish is predicted.
    Predicted,
    /// A measured fish is weighed.
    Weighed,
    /// A predicted and weighed fish is joined.
    Joined,
    /// A joined fish is stored.
    Stored,
}

impl Step {
    /// All steps in order.
    pub const ALL: [Self; 4] = [Self::Predicted, Self::Weighed, Self::Joined, Self::Stored];

    /// The name of the step: what happened to a fish that passed it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Predicted => "predicted",
            Self::Weighed => "weighed",
            Self::Joined => "joined",
            Self::Stored => "stored",
        }
    }

    /// The topic that the step reads record by record; bad records go to its dead letters.
    fn source(self) -> Option<&'static str> {
        match self {
            Self::Predicted => Some(topics::MACHINE_MEASUREMENT),
            Self::Stored => Some(topics::WEIGHT_DIFF),
            Self::Weighed | Self::Joined => None,
        }
    }

    /// When a fish reached this step, if it did.
    fn reached(self, fish: &Fish) -> Option<EventTime> {
        match self {
            Self::Predicted | Self::Weighed => fish.measured(),
            Self::Joined => fish.weighed().filter(|_| fish.predicted().is_some()),
            Self::Stored => fish.joined().filter(|_| fish.is_stored().is_some()),
        }
    }

    /// Whether a fish passed this step.
    fn has_passed(self, fish: &Fish) -> bool {
        match self {
            Self::Predicted => fish.predicted().is_some(),
            Self::Weighed => fish.weighed().is_some(),
            Self::Joined => fish.joined().is_some(),
            Self::Stored => fish.is_stored() == Some(true),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Ledger {
    /// Of the fish that passed a step, the one that arrived last.
    pub fn last_passed(&self, step: Step) -> Option<&Fish> {
        self.newest_first().find(|fish| step.has_passed(fish))
    }
}

/// The steps at a standstill, in order. A lost fish is not a standstill if later fish passed the step.
/// A joined fish counts as waiting for the store only if the store was queried for its row; without
/// `store_is_known` none does.
pub fn standstills(ledger: &Ledger, store_is_known: bool) -> Vec<Standstill> {
    let fish = ledger.fish();
    let standstill = |step: Step| {
        let reached = || {
            fish.iter()
                .filter_map(|one| Some((step.reached(one)?, one.id(), *one)))
        };
        let passed = reached().filter(|(_, _, one)| step.has_passed(one));
        let last_passed = passed.map(|(at, ..)| at).max();
        let newest = reached().map(|(at, ..)| at).max()?;
        let waiting = reached().filter(|(at, ..)| Some(*at) > last_passed);
        let (since, first, _) = waiting.clone().min_by_key(|(at, ..)| *at)?;
        let waited = newest.as_millis().saturating_sub(since.as_millis());
        let dead = step.source().map(topics::dead_letters_of);
        let dead = dead.map(|topic| ledger.dead_letters_of(&topic));
        let is_dead = |id: &str| dead.as_ref().is_some_and(|keys| keys.contains(id));
        Some(Standstill {
            step,
            fish: waiting.clone().count() as u64,
            dead_letters: waiting.filter(|(_, id, _)| is_dead(id)).count() as u64,
            first_fish: first.to_owned(),
            since,
            waited: Duration::from_millis(waited.unsigned_abs()),
        })
    };
    let known = |step: &Step| store_is_known || *step != Step::Stored;
    let steps = Step::ALL.into_iter().filter(known);
    steps.filter_map(standstill).collect()
}
