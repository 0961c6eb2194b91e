//! How far a run is.

use pipeline::WeightDiff;

use crate::ledger::{Fish, Ledger};
use crate::text::percent;

/// How many of the newest errors the live mean is taken over.
const NEWEST: usize = 10;

/// How far a run is.
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
    /// The version that answered for the newest predicted fish.
    pub model_version: Option<String>,
}

impl Progress {
    /// How far the pipeline is by what was seen.
    pub fn of(ledger: &Ledger) -> Self {
        let fish = ledger.fish();
        let count = |seen: fn(&Fish) -> bool| {
            ledger.forgotten() + fish.iter().filter(|(_, one)| seen(one)).count() as u64
        };
        let newest: Vec<&WeightDiff> = fish
            .iter()
            .rev()
            .filter_map(|(_, one)| one.diff.as_ref())
            .take(NEWEST)
            .collect();
        let sum: f64 = newest.iter().map(|diff| diff.error).sum();
        Self {
            measured: count(|one| one.measurement.is_some()),
            predicted: count(|one| one.prediction.is_some()),
            weighed: count(|one| one.weighing.is_some()),
            mean_error: (!newest.is_empty()).then(|| sum / newest.len() as f64),
            model_version: fish
                .iter()
                .rev()
                .find_map(|(_, one)| one.prediction.as_ref())
                .map(|seen| seen.prediction.model_version.clone()),
        }
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "measured {:>4}   predicted {:>4}   weighed {:>4}   mean error of the last {NEWEST}: {:>7}   model {}",
            self.measured,
            self.predicted,
            self.weighed,
            percent(self.mean_error),
            self.model_version.as_deref().unwrap_or("-")
        )
    }
}
