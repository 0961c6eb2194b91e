//! The progress of a run in one line.

use std::fmt;

use pipeline::Definition;

use crate::build::mean;
use crate::ledger::{Account, Ledger, StepCounts};
use crate::text::{error_text, printable};

/// Number of newest errors in the live mean.
const NEWEST: usize = 10;
/// How many of the newest records are searched for them.
const SEARCHED: usize = 10_000;

/// The progress of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The pipeline.
    pub definition: &'static Definition,
    /// How many records passed each step.
    pub steps: StepCounts,
    /// Mean error of the newest ten joined records.
    pub mean_error: Option<f64>,
    /// The model version that predicted the newest records.
    pub model_version: Option<String>,
}

impl Progress {
    /// The progress according to the records seen so far.
    pub fn of(ledger: &Ledger) -> Self {
        let steps = ledger.all_steps();
        let newest_first = || ledger.newest_first().take(SEARCHED);
        Self {
            definition: ledger.definition(),
            steps,
            mean_error: mean(newest_first().filter_map(Account::error).take(NEWEST)),
            model_version: newest_first()
                .find_map(Account::model_version)
                .map(str::to_owned),
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "measured {:>4}  predicted {:>4}  {} {:>4}  error {:>7}  model {}",
            self.steps.measured,
            self.steps.predicted,
            self.definition.actual_step,
            self.steps.weighed,
            error_text(self.definition, self.mean_error),
            printable(self.model_version.as_deref().unwrap_or("-"))
        )
    }
}
