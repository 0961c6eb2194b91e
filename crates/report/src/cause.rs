//! Why a window's error was high: the groups in it, and how its columns differ from the training rows of the
//! erring version.

use std::collections::BTreeMap;
use std::time::Duration;

use pipeline::{Definition, EventTime};

use crate::build::mean;
use crate::history::TrainingRows;
use crate::ledger::{Account, Trigger, other_categories};
use crate::report::{DriftCause, FeatureShift, GroupError, LevelError};

/// The joined records in the order of their actual values, to find those of a window.
pub(crate) struct JoinedRecords<'a>(Vec<(EventTime, &'a Account)>);

impl<'a> JoinedRecords<'a> {
    pub(crate) fn of(records: &[&'a Account]) -> Self {
        let joined = records.iter().filter_map(|one| Some((one.joined()?, *one)));
        let mut joined: Vec<_> = joined.collect();
        joined.sort_by_key(|(at, _)| *at);
        Self(joined)
    }

    /// The keys of the first and the last record of a trigger's window by event time; `None` if some of its
    /// records are unknown.
    pub(crate) fn ends(&self, trigger: &Trigger, window: Duration) -> Option<(&'a str, &'a str)> {
        let (start, end) = (trigger.window_start, trigger.window_start.after(window));
        let mut records = self.between(start, end);
        records.retain(|one| one.model_version() == Some(&trigger.value.model_version));
        records.sort_by_key(|one| one.joined());
        let ends = records.first().zip(records.last());
        let ends = ends.filter(|_| records.len() as u64 == trigger.value.count);
        ends.map(|(first, last)| (first.id(), last.id()))
    }

    /// The records of a window, in order of measurement.
    fn between(&self, start: EventTime, end: EventTime) -> Vec<&'a Account> {
        let from = self.0.partition_point(|(at, _)| *at < start);
        let to = self.0.partition_point(|(at, _)| *at < end);
        let window = self.0.get(from..to).unwrap_or_default();
        let mut records: Vec<_> = window.iter().map(|(_, one)| *one).collect();
        records.sort_by(|one, other| one.by_measurement(other));
        records
    }
}

/// Compares the records of the trigger's window with `training`, the rows of the erring version.
pub(crate) fn of(
    definition: &Definition,
    trigger: &Trigger,
    window: Duration,
    records: &JoinedRecords<'_>,
    training: Option<&TrainingRows>,
) -> DriftCause {
    let (start, end) = (trigger.window_start, trigger.window_start.after(window));
    let mut in_window: Vec<(&Account, f64)> = records
        .between(start, end)
        .into_iter()
        .filter(|one| one.model_version() == Some(&trigger.value.model_version))
        .filter(|one| definition.group().is_none() || one.group().is_some())
        .filter_map(|one| Some((one, one.error()?)))
        .collect();
    // A part of the window may differ from the whole.
    if in_window.len() as u64 != trigger.value.count {
        in_window.clear();
    }
    DriftCause {
        records: trigger.value.count,
        groups: by_group(&in_window, training),
        levels: by_level(definition, &in_window, training),
        features: training.map_or_else(Vec::new, |rows| shifts(definition, &in_window, rows)),
    }
}

fn by_group(window: &[(&Account, f64)], training: Option<&TrainingRows>) -> Vec<GroupError> {
    let mut errors: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (one, error) in window {
        if let Some(group) = one.group() {
            errors.entry(group).or_default().push(*error);
        }
    }
    GroupError::by_contribution(errors, |group| {
        let rows = training?.groups.iter();
        Some(rows.filter(|one| *one == group).count() as u64)
    })
}

/// The levels of the categories that are not the group.
fn by_level(
    definition: &Definition,
    window: &[(&Account, f64)],
    training: Option<&TrainingRows>,
) -> Vec<LevelError> {
    let categories = other_categories(definition).enumerate();
    let levels = categories.flat_map(|(position, column)| {
        let mut errors: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (one, error) in window {
            if let Some(level) = one.level(position) {
                errors.entry(level).or_default().push(*error);
            }
        }
        let trained = training.and_then(|rows| {
            let mut categories = rows.categories.iter();
            categories.find(|(name, _)| *name == column.name)
        });
        let by_level = GroupError::by_contribution(errors, |level| {
            let (_, rows) = trained?;
            Some(rows.iter().filter(|one| *one == level).count() as u64)
        });
        by_level.into_iter().map(|level| LevelError {
            column: column.name.clone(),
            level: level.group,
            records: level.records,
            mean_error: level.mean_error,
            training_rows: level.training_rows,
        })
    });
    levels.collect()
}

/// One entry for each training column that is also a numeric input of the model.
fn shifts(
    definition: &Definition,
    window: &[(&Account, f64)],
    training: &TrainingRows,
) -> Vec<FeatureShift> {
    let measured = |feature: &str| {
        let position = definition.numbers().position(|one| one.name == feature)?;
        mean(window.iter().filter_map(|(one, _)| one.number(position)))
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
