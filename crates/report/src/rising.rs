//! Rising errors: whether the newest fish are predicted badly.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::EventTime;

use crate::build::mean;
use crate::report::{FishRow, Report, SpeciesError};

/// A rise ends when the mean error falls below this share of the threshold, so that a mean error close
/// to the threshold does not start and end it again and again.
const CALM: f64 = 0.8;

/// Consecutive fish that are predicted badly.
#[derive(Clone, Debug, PartialEq)]
pub struct Rise {
    /// The first fish with an error above the threshold.
    pub first_fish: String,
    /// When it was measured.
    pub since: EventTime,
    /// The species with a mean error above the threshold among the [`Rise::RUN`] fish whose mean error first
    /// passed it, the largest contributor first. 0 training rows means that the model was not trained
    /// on the species.
    pub species: Vec<SpeciesError>,
}

impl Rise {
    /// How many consecutive fish the mean error covers.
    pub const RUN: usize = 10;
}

impl Report {
    /// The rise under way, if any. It begins when the mean error of [`Rise::RUN`] consecutive fish since the
    /// last recovery passes the threshold.
    pub fn rising(&self) -> Option<Rise> {
        let recoveries = self.retrainings.iter();
        let recoveries: BTreeSet<_> = recoveries
            .filter_map(|one| one.first_fish_recovered.as_deref())
            .collect();
        let mut rows = self.fish_rows.iter();
        let from = rows.rposition(|row| recoveries.contains(row.id.as_str()));
        let scored: Vec<(&FishRow, f64)> = self
            .fish_rows
            .get(from.unwrap_or_default()..)?
            .iter()
            .filter_map(|row| Some((row, row.error.filter(|error| error.is_finite())?)))
            .collect();
        let mut onset = None;
        for run in scored.windows(Rise::RUN) {
            let mean = mean(run.iter().map(|(_, error)| *error)).unwrap_or_default();
            if onset.is_none() && mean > self.threshold {
                onset = Some(run);
            } else if mean < CALM * self.threshold {
                onset = None;
            }
        }
        self.rise(onset?)
    }

    fn rise(&self, onset: &[(&FishRow, f64)]) -> Option<Rise> {
        let bad = |error: f64| error > self.threshold;
        let (first, _) = onset.iter().find(|(_, error)| bad(*error))?;
        let mut errors: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (row, error) in onset {
            errors.entry(&row.species).or_default().push(*error);
        }
        let unseen = |species: &str| {
            let mut rows = onset.iter().map(|(row, _)| row);
            rows.any(|row| row.unseen_species && row.species == species)
        };
        let mut species =
            SpeciesError::by_contribution(errors, |species| unseen(species).then_some(0));
        species.retain(|one| bad(one.mean_error));
        Some(Rise {
            first_fish: first.id.clone(),
            since: first.measured,
            species,
        })
    }
}
