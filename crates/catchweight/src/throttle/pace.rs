//! Which stage was the slowest, and the speed that was reached.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use report::Step;
use report::ledger::StepCounts;
use tokio::time::Instant;

/// How long the producer waited for each stage; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace(Arc<Mutex<Waits>>);

#[derive(Debug)]
struct Waits {
    noted: Option<Instant>,
    steps: [(Step, Duration); 4],
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            noted: None,
            steps: Step::ALL.map(|step| (step, Duration::ZERO)),
        }
    }
}

impl Pace {
    /// Counts the time since the last call for the stage that is the furthest behind, if the producer is
    /// waiting.
    pub(super) fn note(&self, steps: StepCounts, is_waiting: bool) {
        let now = Instant::now();
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = waits.noted.replace(now).map(|noted| now - noted);
        let behind = steps.furthest_behind().filter(|_| is_waiting);
        let waits = waits.steps.iter_mut();
        for (step, waited) in waits {
            if behind.is_some_and(|(behind, _)| behind == *step) {
                *waited += passed.unwrap_or_default();
            }
        }
    }

    /// The stage for which the producer waited longest, and how long it waited for all of them.
    pub(crate) fn slowest(&self) -> Option<(Step, Duration)> {
        let waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = waits.steps.iter().map(|(_, waited)| *waited).sum();
        let (step, longest) = waits.steps.iter().max_by_key(|(_, waited)| *waited)?;
        (*longest > Duration::ZERO).then_some((*step, all))
    }
}
