//! Why a window's error was high: the species in it, and how its features differ from the training
//! rows of the erring version.

use std::collections::BTreeMap;
use std::time::Duration;

use pipeline::EventTime;

use crate::build::mean;
use crate::history::TrainingRows;
use crate::ledger::{Fish, Trigger};
use crate::report::{DriftCause, FeatureShift, SpeciesError};

/// The joined fish in the order of their weighing, to find those of a window.
pub(crate) struct JoinedFish<'a>(Vec<(EventTime, &'a Fish)>);

impl<'a> JoinedFish<'a> {
    pub(crate) fn of(fish: &[&'a Fish]) -> Self {
        let joined = fish.iter().filter_map(|one| Some((one.joined()?, *one)));
        let mut joined: Vec<_> = joined.collect();
        joined.sort_by_key(|(at, _)| *at);
        Self(joined)
    }

    /// The first and the last fish of a trigger's window by event time; `None` if some of its fish are
    /// unknown.
    pub(crate) fn ends(&self, trigger: &Trigger, window: Duration) -> Option<(&'a str, &'a str)> {
        let (start, end) = (trigger.window_start, trigger.window_start.after(window));
        let mut fish = self.between(start, end);
        fish.retain(|fish| fish.model_version() == Some(&trigger.value.model_version));
        fish.sort_by_key(|fish| fish.joined());
        let ends = fish.first().zip(fish.last());
        let ends = ends.filter(|_| fish.len() as u64 == trigger.value.fish);
        ends.map(|(first, last)| (first.id(), last.id()))
    }

    /// The fish of a window, in order of measurement.
    fn between(&self, start: EventTime, end: EventTime) -> Vec<&'a Fish> {
        let from = self.0.partition_point(|(at, _)| *at < start);
        let to = self.0.partition_point(|(at, _)| *at < end);
        let window = self.0.get(from..to).unwrap_or_default();
        let mut fish: Vec<_> = window.iter().map(|(_, fish)| *fish).collect();
        fish.sort_by(|one, other| one.by_measurement(other));
        fish
    }
}

/// Compares the fish of the trigger's window with `training`, the rows of the erring version.
pub(crate) fn of(
    trigger: &Trigger,
    window: Duration,
    fish: &JoinedFish<'_>,
    training: Option<&TrainingRows>,
) -> DriftCause {
    let (start, end) = (trigger.window_start, trigger.window_start.after(window));
    let mut in_window: Vec<(&Fish, &str, f64)> = fish
        .between(start, end)
        .into_iter()
        .filter(|fish| fish.model_version() == Some(&trigger.value.model_version))
        .filter_map(|fish| Some((fish, fish.species()?, fish.error()?)))
        .collect();
    // A part of the window may differ from the whole.
    if in_window.len() as u64 != trigger.value.fish {
        in_window.clear();
    }
    DriftCause {
        fish: trigger.value.fish,
        species: by_species(&in_window, training),
        features: training.map_or_else(Vec::new, |rows| shifts(&in_window, rows)),
    }
}

fn by_species(window: &[(&Fish, &str, f64)], training: Option<&TrainingRows>) -> Vec<SpeciesError> {
    let mut errors: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (_, species, error) in window {
        errors.entry(species).or_default().push(*error);
    }
    SpeciesError::by_contribution(errors, |species| {
        let rows = training?.species.iter();
        Some(rows.filter(|one| *one == species).count() as u64)
    })
}

/// One entry for each training column that is also a field of the measurements.
fn shifts(window: &[(&Fish, &str, f64)], training: &TrainingRows) -> Vec<FeatureShift> {
    let measured = |feature: &str| {
        let values = window.iter().filter_map(|(fish, ..)| fish.number(feature));
        mean(values)
    };
    let columns = training.numeric.iter();
    columns
        .filter_map(|(feature, values)| {
            let mean_in_window = measured(feature)?;
            let training_mean = mean(values.iter().copied())?;
            let training_sd = standard_deviation(values, training_mean);
            Some(FeatureShift {
                feature: feature.clone(),
                mean: mean_in_window,
                training_mean,
                training_sd,
                shift_sd: training_sd
                    .filter(|sd| *sd > 0.0)
                    .map(|sd| (mean_in_window - training_mean) / sd),
            })
        })
        .collect()
}

/// The sample standard deviation (divisor n - 1).
fn standard_deviation(values: &[f64], mean: f64) -> Option<f64> {
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}
