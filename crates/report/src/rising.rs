//! Whether the newest fish are predicted badly, told so that it does not change with every fish.

use std::collections::BTreeMap;

use pipeline::EventTime;

use crate::build::mean;
use crate::report::{FishRow, Report, SpeciesError};

/// Over how many fish in a row the mean error is taken.
pub const RUN: usize = 10;
/// A rise has ended when the mean error is below this share of the threshold: a mean that swings
/// about the threshold is one rise.
const CALM: f64 = 0.8;

/// Fish in a row that are predicted badly.
#[derive(Clone, Debug, PartialEq)]
pub struct Rise {
    /// The first of them whose error is above the threshold.
    pub first_fish: String,
    /// When it was measured.
    pub since: EventTime,
    /// The species among the [`RUN`] fish with which the mean passed the threshold whose error is
    /// above it, the one that contributed most first. A species with 0 training rows was never seen
    /// by the model that answered.
    pub species: Vec<SpeciesError>,
}

impl Report {
    /// The rise that has not ended, by the fish after the last recovery: their mean error over
    /// [`RUN`] in a row passed the threshold, and has not been well below it since.
    pub fn rising(&self) -> Option<Rise> {
        let recovered = self.retrainings.iter();
        let recovered: Vec<_> = recovered
            .filter_map(|one| one.first_fish_recovered.as_deref())
            .collect();
        let from = self
            .fish_rows
            .iter()
            .rposition(|row| recovered.contains(&row.id.as_str()));
        let scored: Vec<(&FishRow, f64)> = self
            .fish_rows
            .get(from.unwrap_or_default()..)?
            .iter()
            .filter_map(|row| Some((row, row.error.filter(|error| error.is_finite())?)))
            .collect();
        let mut onset = None;
        for run in scored.windows(RUN) {
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
        let mut by_species: BTreeMap<&str, (Vec<f64>, bool)> = BTreeMap::new();
        for (row, error) in onset {
            let (errors, unseen) = by_species.entry(&row.species).or_default();
            errors.push(*error);
            *unseen |= row.unseen_species;
        }
        let mut species: Vec<_> = by_species
            .into_iter()
            .filter_map(|(species, (errors, unseen))| {
                Some(SpeciesError {
                    species: species.to_owned(),
                    fish: errors.len() as u64,
                    mean_error: mean(errors.into_iter())?,
                    training_rows: unseen.then_some(0),
                })
            })
            .filter(|one| bad(one.mean_error))
            .collect();
        species.sort_by(|one, other| other.part().total_cmp(&one.part()));
        Some(Rise {
            first_fish: first.id.clone(),
            since: first.measured,
            species,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Ledger;
    use crate::build::{Sources, build};

    fn report(errors: &[f64]) -> Report {
        let nothing = Ledger::default();
        let mut report = build(&Sources::of(&nothing, 0.15, Duration::from_secs(60)));
        let rows = errors.iter().enumerate().map(|(at, error)| {
            let bad = *error > 0.15;
            FishRow {
                id: at.to_string(),
                species: if bad { "walleye" } else { "salmon" }.to_owned(),
                measured: EventTime::from_millis(2_000 * at as i64).expect("a time"),
                weighed: None,
                predicted: None,
                actual: None,
                error: Some(*error),
                model_version: None,
                unseen_species: bad,
            }
        });
        report.fish_rows = rows.collect();
        report
    }

    #[test]
    fn a_rise_begins_with_its_first_bad_fish_and_names_the_species_that_erred() {
        let mut errors = vec![0.02; 20];
        errors.extend([0.8; 4]);
        let rise = report(&errors).rising().expect("a rise");
        assert_eq!(
            (rise.first_fish.as_str(), rise.since.as_millis()),
            ("20", 40_000)
        );
        // With the second of them the mean of ten had passed.
        let species: Vec<_> = rise
            .species
            .iter()
            .map(|one| (one.species.as_str(), one.fish))
            .collect();
        assert_eq!(species, [("walleye", 2)]);
        assert_eq!(rise.species[0].training_rows, Some(0));
        assert_eq!(report(&[0.8; 9]).rising(), None, "too few to say");
    }

    #[test]
    fn a_mean_that_swings_about_the_threshold_is_one_rise_told_in_the_same_words() {
        let mut errors = vec![0.02; 20];
        errors.extend([0.16; 10]);
        let first = report(&errors).rising();
        assert_eq!(
            first.as_ref().map(|rise| rise.first_fish.as_str()),
            Some("20")
        );
        for error in [0.13, 0.14, 0.17, 0.12, 0.19, 0.13, 0.2, 0.12, 0.14, 0.18] {
            errors.push(error);
            assert_eq!(report(&errors).rising(), first, "{} fish", errors.len());
        }
        errors.extend([0.02; 10]);
        assert_eq!(report(&errors).rising(), None);
    }

    #[test]
    fn the_fish_before_a_recovery_are_no_rise_after_it() {
        let mut errors = vec![0.02; 10];
        errors.extend([0.8; 10]);
        errors.extend([0.02; 6]);
        let mut report = report(&errors);
        assert!(report.rising().is_some());
        let mut ended = crate::Retraining {
            window_start: EventTime::from_millis(0).expect("a time"),
            window_end: EventTime::from_millis(60_000).expect("a time"),
            error_avg: 0.4,
            fish_id_start: "0".to_owned(),
            fish_id_end: "19".to_owned(),
            species: Vec::new(),
            erring_version: "a".to_owned(),
            cause: crate::DriftCause::default(),
            rows: None,
            trained_species: Vec::new(),
            first_row: None,
            last_row: None,
            version: None,
            outcome: None,
            started: None,
            ended: None,
            first_fish_drifted: None,
            first_fish_recovered: None,
            fish_to_recovery: None,
            event_seconds_to_recovery: None,
        };
        ended.first_fish_recovered = Some("20".to_owned());
        report.retrainings.push(ended);
        assert_eq!(report.rising(), None);
    }
}
