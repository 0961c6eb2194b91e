//! A trigger and its consequences, each at the record where it happened.

use std::collections::HashMap;

use pipeline::EventTime;
use report::{RecordRow, Report, Retraining};

use super::timeline::Span;
use super::{cut, mean};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RetrainingMarks {
    /// The window that triggered.
    pub(crate) window: Window,
    /// The rows that the new version was trained on; `None` if nothing was trained or the rows are not
    /// among the report's records.
    pub(crate) training: Option<TrainingRows>,
    /// `None` if nothing was trained.
    pub(crate) retrained: Option<Retrained>,
    /// The version that was trained.
    pub(crate) version: Option<String>,
    /// `activated`, `rejected`, `superseded`, …; `None` before it is decided.
    pub(crate) outcome: Option<String>,
    /// Position of the first record that the new version answered.
    pub(crate) first_answered: Option<usize>,
    /// The drift that this retraining ended.
    pub(crate) recovery: Option<Recovery>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    /// `None` if none of its records is in the report.
    pub(crate) span: Option<Span>,
    /// Start, event time, inclusive.
    pub(crate) start: EventTime,
    /// End, event time, exclusive.
    pub(crate) end: EventTime,
    /// Mean error.
    pub(crate) mean_error: f64,
    pub(crate) erring_version: String,
    /// The largest sum of errors first; empty if some of the window's records are not in the report.
    pub(crate) by_group: Vec<GroupShare>,
    /// How many records it has; 0 if some of them are not in the report.
    pub(crate) records: usize,
}

/// The records of one group in a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GroupShare {
    pub(crate) group: String,
    pub(crate) records: usize,
    /// Mean error.
    pub(crate) mean_error: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrainingRows {
    /// From the oldest to the newest row's records. If it is longer than `rows`, some records in between were
    /// not trained on: training keeps older rows of rare group.
    pub(crate) span: Span,
    pub(crate) rows: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retrained {
    /// Position of the last record measured before training could start, or before the new version's
    /// first answer.
    pub(crate) after: usize,
    /// Duration by the wall clock, in milliseconds.
    pub(crate) wall_millis: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Recovery {
    /// From the first record that drifted to the first that was predicted well again.
    pub(crate) span: Span,
    /// How many records were measured in between.
    pub(crate) records: u64,
    /// The time between their measurements, in seconds of event time.
    pub(crate) event_seconds: Option<f64>,
}

pub(super) fn retrainings(report: &Report) -> Vec<RetrainingMarks> {
    let rows = &report.record_rows;
    let ids = rows.iter().enumerate();
    let positions: HashMap<&str, usize> = ids.map(|(at, row)| (row.id.as_str(), at + 1)).collect();
    let position = |id: &Option<String>| positions.get(id.as_deref()?).copied();
    let marks = |one: &Retraining| {
        let window = window(one, rows);
        let from = window.span.map_or(0, |span| span.first);
        let first_answered = one.version.as_ref().and_then(|version| {
            let by_new = |row: &RecordRow| row.model_version.as_ref() == Some(version);
            let found = rows.iter().skip(from).position(by_new);
            found.map(|at| from + at + 1)
        });
        let times = one.started.zip(one.ended);
        RetrainingMarks {
            training: one.rows.and_then(|rows| {
                let (first, last) = position(&one.first_row).zip(position(&one.last_row))?;
                let span = Span::between(first, last);
                Some(TrainingRows { span, rows })
            }),
            retrained: one.rows.is_some().then(|| Retrained {
                after: trained_after(one, rows, first_answered, position(&one.last_row)),
                wall_millis: times.map(|(started, ended)| ended.as_millis() - started.as_millis()),
            }),
            recovery: recovery(one, position),
            version: one.version.as_deref().map(cut),
            outcome: one.outcome.clone(),
            first_answered,
            window,
        }
    };
    report.retrainings.iter().map(marks).collect()
}

/// The window's records are those whose actual values became known in it and answered by the erring version.
fn window(one: &Retraining, rows: &[RecordRow]) -> Window {
    let within = one.window_start..one.window_end;
    let members = rows.iter().enumerate().filter_map(|(at, row)| {
        let inside = within.contains(&row.weighed?);
        let by_erring = row.model_version.as_ref() == Some(&one.erring_version);
        (inside && by_erring).then_some((at + 1, row, row.error?))
    });
    let members: Vec<(usize, &RecordRow, f64)> = members.collect();
    // Reports of older versions have no causes: their number of records is 0.
    let complete = [0, members.len() as u64].contains(&one.cause.records);
    let mut by_group: Vec<GroupShare> = Vec::new();
    for (_, row, _) in members.iter().filter(|_| complete) {
        let Some(group) = &row.group else { continue };
        if by_group.iter().all(|share| share.group != *group) {
            let same = members
                .iter()
                .filter(|(_, other, _)| other.group == row.group);
            by_group.push(GroupShare {
                group: group.clone(),
                records: same.clone().count(),
                mean_error: mean(same.map(|(_, _, error)| *error)).unwrap_or_default(),
            });
        }
    }
    let weight = |share: &GroupShare| share.mean_error * share.records as f64;
    by_group.sort_by(|one, other| weight(other).total_cmp(&weight(one)));
    for share in &mut by_group {
        share.group = cut(&share.group);
    }
    let ends = members.first().zip(members.last());
    Window {
        span: ends.map(|((first, ..), (last, ..))| Span::between(*first, *last)),
        start: one.window_start,
        end: one.window_end,
        mean_error: one.error_avg,
        erring_version: cut(&one.erring_version),
        by_group,
        records: if complete { members.len() } else { 0 },
    }
}

/// Training runs by the wall clock, so its event time is not known exactly: it came after the window's
/// end and the newest row, and before the new version's first answer.
fn trained_after(
    one: &Retraining,
    rows: &[RecordRow],
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
    let drifted = position(&one.first_record_drifted)?;
    let recovered = position(&one.first_record_recovered)?;
    let span = Span::between(drifted, recovered);
    Some(Recovery {
        span,
        records: one.records_to_recovery.unwrap_or(span.len() - 1),
        event_seconds: one.event_seconds_to_recovery,
    })
}
