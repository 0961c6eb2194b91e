//! The progress of a run in one line.

use std::fmt;

use crate::build::mean;
use crate::ledger::{Fish, Ledger, StepCounts};
use crate::text::percent;

/// Number of newest errors in the live mean.
const NEWEST: usize = 10;
/// How many of the newest fish are searched for them.
const SEARCHED: usize = 10_000;

/// The progress of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// How many fish passed each step.
    pub steps: StepCounts,
    /// Mean relative error of the newest ten joined fish.
    pub mean_error: Option<f64>,
    /// The model version that predicted the newest fish.
    pub model_version: Option<String>,
}

impl Progress {
    /// The progress according to the records seen so far.
    pub fn of(ledger: &Ledger) -> Self {
        let steps = ledger.all_steps();
        let newest_first = || ledger.newest_first().take(SEARCHED);
        Self {
            steps,
            mean_error: mean(newest_first().filter_map(Fish::error).take(NEWEST)),
            model_version: newest_first()
                .find_map(Fish::model_version)
                .map(str::to_owned),
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "measured {:>4}  predicted {:>4}  weighed {:>4}  error {:>7}  model {}",
            self.steps.measured,
            self.steps.predicted,
            self.steps.weighed,
            percent(self.mean_error),
            self.model_version.as_deref().unwrap_or("-")
        )
    }
}
