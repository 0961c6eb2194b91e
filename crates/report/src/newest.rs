//! The report of the newest fish only: for a picture of a run that has no end.

use crate::build::phases;
use crate::report::Report;

impl Report {
    /// This report with its newest `fish` fish, and the retrainings whose windows reach into them.
    /// The counts stay those of all fish.
    #[must_use]
    pub fn newest(&self, fish: usize) -> Self {
        let surplus = self.fish_rows.len().saturating_sub(fish);
        let fish_rows = self.fish_rows.get(surplus..).unwrap_or_default().to_vec();
        let first_weighed = fish_rows.iter().filter_map(|row| row.weighed).min();
        let mut retrainings = self.retrainings.clone();
        if surplus > 0 {
            retrainings.retain(|one| first_weighed.is_some_and(|first| first < one.window_end));
        }
        Self {
            phases: phases(&fish_rows),
            fish_rows,
            retrainings,
            reasons: self.reasons.clone(),
            open_drift: self.open_drift.clone(),
            ..*self
        }
    }
}
