//! What a trigger led to, each step at the fish where it happened.

use std::collections::HashMap;
use std::ops::Range;

use pipeline::EventTime;
use report::{FishRow, Report, Retraining};
use serde::Serialize;

use super::timeline::Span;
use super::{mean, name};

/// A trigger and what it led to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RetrainingMarks {
    /// The window that triggered.
    pub window: Window,
    /// The rows that the new version was trained on; none where none was trained or where its rows
    /// are not among the report's fish.
    pub training: Option<TrainingRows>,
    /// The retraining itself; none where nothing was trained.
    pub retrained: Option<Retrained>,
    /// The version that was trained.
    pub version: Option<String>,
    /// `activated`, `rejected`, `superseded`, …; none where nothing is known of it yet.
    pub outcome: Option<String>,
    /// Position of the first fish that the new version answered.
    pub first_answered: Option<usize>,
    /// From drift to recovery, where this retraining ended an episode.
    pub recovery: Option<Recovery>,
}

/// A window that triggered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Window {
    /// From its first to its last fish; none where none of them is among the report's fish.
    pub span: Option<Span>,
    /// Its start, event time, inclusive.
    pub start: EventTime,
    /// Its end, event time, exclusive.
    pub end: EventTime,
    /// Mean relative error of its fish.
    pub mean_error: f64,
    /// The version that erred.
    pub erring_version: String,
    /// Its fish by species, the one with the largest sum of errors first; empty where not all of its
    /// fish are among the report's.
    pub by_species: Vec<SpeciesShare>,
}

/// The fish of one species in a window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpeciesShare {
    /// The species.
    pub species: String,
    /// How many fish.
    pub fish: usize,
    /// Their mean relative error.
    pub mean_error: f64,
}

/// The rows that a version was trained on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingRows {
    /// From the oldest to the newest row's fish. It holds fish that were not trained on where it
    /// is longer than `rows`: rows kept of a species that is rare among the newest ones.
    pub span: Span,
    /// How many rows.
    pub rows: u64,
}

/// When a version was trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Retrained {
    /// Position of the last fish that was measured before the window was over and its rows were
    /// known: training began after it.
    pub after: usize,
    /// How long it took by the wall clock, in milliseconds.
    pub wall_millis: Option<i64>,
}

/// An episode of drift.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Recovery {
    /// From the first fish that drifted to the first one that was predicted well again.
    pub span: Span,
    /// How many fish were measured from the one to the other.
    pub fish: u64,
    /// The seconds of event time between their measurements.
    pub event_seconds: Option<f64>,
}

/// The marks of all of a report's retrainings.
pub(super) fn retrainings(report: &Report) -> Vec<RetrainingMarks> {
    let rows = &report.fish_rows;
    let positions: HashMap<&str, usize> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| (row.id.as_str(), at + 1))
        .collect();
    let position = |id: &Option<String>| positions.get(id.as_deref()?).copied();
    let marks = |one: &Retraining| {
        let window = window(one, rows);
        let from = window.span.map_or(0, |span| span.first);
        let first_answered = one.version.as_ref().and_then(|version| {
            let by_new = |row: &FishRow| row.model_version.as_ref() == Some(version);
            rows.iter()
                .skip(from)
                .position(by_new)
                .map(|at| from + at + 1)
        });
        RetrainingMarks {
            training: one.rows.and_then(|count| {
                let (first, last) = position(&one.first_row).zip(position(&one.last_row))?;
                let span = ordered(first, last);
                Some(TrainingRows { span, rows: count })
            }),
            retrained: one.rows.is_some().then(|| Retrained {
                after: trained_after(one, rows, first_answered, position(&one.last_row)),
                wall_millis: one
                    .started
                    .zip(one.ended)
                    .map(|(started, ended)| ended.as_millis() - started.as_millis()),
            }),
            recovery: recovery(one, position),
            version: one.version.as_deref().map(name),
            outcome: one.outcome.clone(),
            first_answered,
            window,
        }
    };
    report.retrainings.iter().map(marks).collect()
}

fn ordered(one: usize, other: usize) -> Span {
    Span {
        first: one.min(other),
        last: one.max(other),
    }
}

/// The window's fish: those that were weighed in it, answered by the version that erred.
fn window(one: &Retraining, rows: &[FishRow]) -> Window {
    let within: Range<EventTime> = one.window_start..one.window_end;
    let members: Vec<(usize, &FishRow, f64)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.weighed.is_some_and(|weighed| within.contains(&weighed)))
        .filter(|(_, row)| row.model_version.as_ref() == Some(&one.erring_version))
        .filter_map(|(at, row)| Some((at + 1, row, row.error?)))
        .collect();
    // A report that was made before causes were in it does not say how many fish there were.
    let whole = [0, members.len() as u64].contains(&one.cause.fish);
    let mut by_species: Vec<SpeciesShare> = Vec::new();
    for (_, row, _) in members.iter().filter(|_| whole) {
        if by_species.iter().all(|share| share.species != row.species) {
            let same = members
                .iter()
                .filter(|(_, other, _)| other.species == row.species);
            by_species.push(SpeciesShare {
                species: row.species.clone(),
                fish: same.clone().count(),
                mean_error: mean(same.map(|(_, _, error)| *error)).unwrap_or_default(),
            });
        }
    }
    let weight = |share: &SpeciesShare| share.mean_error * share.fish as f64;
    by_species.sort_by(|one, other| weight(other).total_cmp(&weight(one)));
    for share in &mut by_species {
        share.species = name(&share.species);
    }
    Window {
        span: members
            .first()
            .zip(members.last())
            .map(|((first, ..), (last, ..))| ordered(*first, *last)),
        start: one.window_start,
        end: one.window_end,
        mean_error: one.error_avg,
        erring_version: name(&one.erring_version),
        by_species,
    }
}

/// Training is timed by the wall clock, which a simulated event time says nothing about: what is
/// known is that it came after the window's end and the newest row, and before the new version's
/// first answer.
fn trained_after(
    one: &Retraining,
    rows: &[FishRow],
    first_answered: Option<usize>,
    last_row: Option<usize>,
) -> usize {
    let newest_row = last_row
        .and_then(|position| rows.get(position - 1))
        .and_then(|row| row.weighed);
    let known = newest_row.map_or(one.window_end, |weighed| weighed.max(one.window_end));
    let measured_before = rows.partition_point(|row| row.measured < known);
    first_answered.map_or(measured_before, |first| measured_before.min(first - 1))
}

fn recovery(
    one: &Retraining,
    position: impl Fn(&Option<String>) -> Option<usize>,
) -> Option<Recovery> {
    let drifted = position(&one.first_fish_drifted)?;
    let recovered = position(&one.first_fish_recovered)?;
    let span = ordered(drifted, recovered);
    Some(Recovery {
        span,
        fish: one
            .fish_to_recovery
            .unwrap_or((span.last - span.first) as u64),
        event_seconds: one.event_seconds_to_recovery,
    })
}
