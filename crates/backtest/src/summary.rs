//! The figures of one rule over all series.

use std::collections::BTreeMap;

use model_store::Trigger;
use serde::Serialize;

use crate::drifts::{Delay, Drift, false_alarms};
use crate::replay::Course;

/// The figures of a rule, or of a baseline.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// What it is called.
    pub name: String,
    /// The lines of its SQL; empty for a baseline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// How many rows with an error were joined.
    pub records: u64,
    /// Mean error of all predictions, in the pipeline's measure; `None` without rows.
    pub mean_error: Option<f64>,
    /// How many triggers the SQL wrote.
    pub triggers: u64,
    /// How many trainings, or calls for one, ended in which way.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// How many trainings on rows that came after a trigger's version went live ended in which way.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refinements: BTreeMap<&'static str, u64>,
    /// The versions that went live; none if there are several series.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub activations: Vec<ActivatedVersion>,
    /// How fast it found the drifts, if they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drifts: Option<DriftFigures>,
    /// Records without a prediction or an error, and what the SQL could not evaluate.
    pub problems: u64,
}

/// A version that went live.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActivatedVersion {
    /// Its id.
    pub version: String,
    /// Event time of the record that led to it.
    pub at: String,
    /// The `_id` of its oldest training row.
    pub first_row: Option<String>,
    /// The `_id` of its newest training row.
    pub last_row: Option<String>,
    /// Its leave-one-out error on its training rows.
    pub loo_error: Option<f64>,
    /// The record of the topic of triggers that led to it; `None` if it was trained without a trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
}

/// How fast a rule found the drifts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DriftFigures {
    /// How many drifts there were.
    pub drifts: u64,
    /// How many of them ended without a better model.
    pub missed: u64,
    /// How many of them led to no trigger for a live version.
    pub not_found: u64,
    /// From the first drifted record to the first trigger for a live version; `None` if there is none.
    pub found_records: Option<Spread>,
    /// From the first drifted record to the first record of a better model; `None` if all are missed.
    pub delay_records: Option<Spread>,
    /// The same in seconds of event time.
    pub delay_seconds: Option<Spread>,
    /// Mean error of the drifted records; the mean over the drifts.
    pub drifted_error: Option<f64>,
    /// Mean error from the first record of a better model to the next drift, or to the end; the mean over the drifts
    /// that are not missed.
    pub recovered_error: Option<f64>,
    /// Triggers for a live version whose window has no drifted record.
    pub false_alarms: u64,
    /// The same for 10,000 records.
    pub false_alarms_per_10000: Option<f64>,
}

/// Some numbers, summed up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Their mean.
    pub mean: f64,
    /// Their median.
    pub p50: f64,
    /// The smallest number that 95 % of them do not exceed.
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.sort_by(f64::total_cmp);
        let count = numbers.len();
        // The nearest rank.
        let at = |percent: usize| numbers.get((count * percent).div_ceil(100).saturating_sub(1));
        Some(Self {
            mean: numbers.iter().sum::<f64>() / count as f64,
            p50: *at(50)?,
            p95: *at(95)?,
            max: *numbers.last()?,
        })
    }
}

/// Sums up the series of a rule.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    records: u64,
    error_sum: f64,
    triggers: u64,
    outcomes: BTreeMap<&'static str, u64>,
    refinements: BTreeMap<&'static str, u64>,
    activations: Vec<ActivatedVersion>,
    series: u64,
    found: Vec<f64>,
    delays: Vec<Delay>,
    drifted_errors: Vec<f64>,
    recovered_errors: Vec<f64>,
    drifts: u64,
    false_alarms: u64,
    problems: u64,
}

impl Totals {
    /// Adds a series; `drifts` are its known drifts.
    pub(crate) fn add(&mut self, course: &Course, drifts: &[Drift]) {
        self.series += 1;
        self.records += course.joined;
        self.error_sum += course.error_sum;
        self.triggers += course.triggers;
        self.problems += course.problems;
        for alarm in &course.alarms {
            *self.outcomes.entry(alarm.outcome.name()).or_default() += 1;
        }
        for outcome in &course.refinements {
            *self.refinements.entry(outcome.name()).or_default() += 1;
        }
        // Those of several series say little, and could be many.
        if self.series == 1 {
            let activations = course.activations.iter();
            self.activations = activations
                .map(|one| ActivatedVersion {
                    version: one.version.clone(),
                    at: one.at.to_string(),
                    first_row: one.rows.as_ref().map(|(first, _)| first.clone()),
                    last_row: one.rows.as_ref().map(|(_, last)| last.clone()),
                    loo_error: one.loo_error,
                    trigger: one.trigger.clone(),
                })
                .collect();
        } else {
            self.activations.clear();
        }
        self.drifts += drifts.len() as u64;
        for (number, drift) in drifts.iter().enumerate() {
            let found = drift.found(&course.alarms);
            self.found.extend(found.map(|records| records as f64));
            let measured = &course.measured;
            self.drifted_errors.extend(drift.error(measured));
            if let Some(delay) = drift.delay(measured) {
                let next = drifts.get(number + 1);
                let end = next.map_or(measured.len(), |next| next.first);
                let error = drift.error_after(delay, end, measured);
                self.recovered_errors.extend(error);
                self.delays.push(delay);
            }
        }
        self.false_alarms += false_alarms(course, drifts);
    }

    /// The figures; those of drifts only if `drifts_are_known`.
    pub(crate) fn figures(
        self,
        name: String,
        lines: Vec<String>,
        drifts_are_known: bool,
    ) -> Figures {
        let mean = |sum: f64| (self.records > 0).then(|| sum / self.records as f64);
        let delays = |of: fn(&Delay) -> f64| Spread::of(self.delays.iter().map(of).collect());
        let drifts = drifts_are_known.then(|| DriftFigures {
            drifts: self.drifts,
            missed: self.drifts - self.delays.len() as u64,
            not_found: self.drifts - self.found.len() as u64,
            found_records: Spread::of(self.found.clone()),
            delay_records: delays(|delay| delay.records as f64),
            delay_seconds: delays(|delay| delay.seconds),
            drifted_error: mean_of(&self.drifted_errors),
            recovered_error: mean_of(&self.recovered_errors),
            false_alarms: self.false_alarms,
            false_alarms_per_10000: mean(self.false_alarms as f64 * 1e4),
        });
        Figures {
            name,
            lines,
            records: self.records,
            mean_error: mean(self.error_sum),
            triggers: self.triggers,
            outcomes: self.outcomes,
            refinements: self.refinements,
            activations: self.activations,
            drifts,
            problems: self.problems,
        }
    }
}

fn mean_of(numbers: &[f64]) -> Option<f64> {
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_numbers_that_occur() {
        let spread = Spread::of((1..=40).map(f64::from).collect()).unwrap();
        let expected = Spread {
            mean: 20.5,
            p50: 20.0,
            p95: 38.0,
            max: 40.0,
        };
        assert_eq!(spread, expected);
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
