//! The progress of a run in one line.

use std::fmt;

use pipeline::WeightDiff;

use crate::build::mean;
use crate::ledger::{Fish, Ledger};
use crate::text::percent;

/// Number of newest errors in the live mean.
const NEWEST: usize = 10;

/// The progress of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Fish measured.
    pub measured: u64,
    /// Fish predicted.
    pub predicted: u64,
    /// Fish weighed.
    pub weighed: u64,
    /// Mean relative error of the newest ten joined fish.
    pub mean_error: Option<f64>,
    /// The model version that predicted the newest fish.
    pub model_version: Option<String>,
}

impl Progress {
    /// The progress according to the records seen so far.
    pub fn of(ledger: &Ledger) -> Self {
        let fish = ledger.fish();
        let count = |seen: fn(&Fish) -> bool| {
            ledger.evicted() + fish.iter().filter(|(_, one)| seen(one)).count() as u64
        };
        let newest_first = || fish.iter().rev().map(|(_, one)| *one);
        let diffs = newest_first().filter_map(|one| one.diff.as_ref());
        let mut predictions = newest_first().filter_map(|one| one.prediction.as_ref());
        Self {
            measured: count(|one| one.measurement.is_some()),
            predicted: count(|one| one.prediction.is_some()),
            weighed: count(|one| one.weighing.is_some()),
            mean_error: mean(diffs.take(NEWEST).map(|diff: &WeightDiff| diff.error)),
            model_version: predictions
                .next()
                .map(|seen| seen.prediction.model_version.clone()),
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "measured {:>4}  predicted {:>4}  weighed {:>4}  error {:>7}  model {}",
            self.measured,
            self.predicted,
            self.weighed,
            percent(self.mean_error),
            self.model_version.as_deref().unwrap_or("-")
        )
    }
}
