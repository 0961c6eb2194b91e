//! Why a window's error was high: who was in it, and how that differs from what the version that
//! erred was trained on.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::build::mean;
use crate::history::TrainingRows;
use crate::ledger::{Fish, Trigger};
use crate::report::{DriftCause, FeatureShift, SpeciesError};

/// What of `fish` was in the trigger's window of this length, compared with `training`, the rows of
/// the version that erred, where they are known.
pub(crate) fn of(
    trigger: &Trigger,
    window: Duration,
    fish: &[(&str, &Fish)],
    training: Option<&TrainingRows>,
) -> DriftCause {
    let (start, end) = (trigger.window_start, trigger.window_start.after(window));
    let in_window: Vec<(&Fish, &str, f64)> = fish
        .iter()
        .filter_map(|(_, fish)| {
            let diff = fish.diff.as_ref()?;
            let counted = diff.model_version == trigger.value.model_version
                && (start..end).contains(&diff.timestamp);
            counted.then_some((*fish, diff.species.as_str(), diff.error))
        })
        .collect();
    // Where a part of the window is forgotten, what is left of it says nothing of the whole.
    let in_window = if in_window.len() as u64 == trigger.value.fish {
        in_window
    } else {
        Vec::new()
    };
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
    let mut species: Vec<_> = errors
        .into_iter()
        .filter_map(|(species, errors)| {
            let rows_of_it = |rows: &TrainingRows| {
                let same = rows.species.iter().filter(|one| *one == species);
                same.count() as u64
            };
            Some(SpeciesError {
                species: species.to_owned(),
                fish: errors.len() as u64,
                mean_error: mean(errors.into_iter())?,
                training_rows: training.map(rows_of_it),
            })
        })
        .collect();
    species.sort_by(|one, other| other.part().total_cmp(&one.part()));
    species
}

/// The columns of the training rows that the fish's measurements have too.
fn shifts(window: &[(&Fish, &str, f64)], training: &TrainingRows) -> Vec<FeatureShift> {
    let measured = |feature: &str| {
        let values = window.iter().filter_map(|(fish, ..)| {
            let mut numbers = fish.numbers.iter();
            let found = numbers.find(|(name, _)| name.eq_ignore_ascii_case(feature));
            found.map(|(_, value)| *value)
        });
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

/// The sample standard deviation (divided by n - 1, as R's `sd`).
fn standard_deviation(values: &[f64], mean: f64) -> Option<f64> {
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}
