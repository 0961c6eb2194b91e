//! Error by records, with runs of one group and of one model version as spans.

use pipeline::EventTime;
use report::{RecordRow, Report};

use super::retraining::{RetrainingMarks, retrainings};
use super::{check, cut, group_numbers, mean};
use crate::PlotError;
use crate::draw::Words;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Timeline {
    pub(crate) words: Words,
    /// The mean error above which a window triggers.
    pub(crate) threshold: f64,
    /// Other marks name a group by its index here.
    pub(crate) groups: Vec<String>,
    /// All records, in the order of measurement.
    pub(crate) records: Vec<RecordPoint>,
    /// Runs of one group; empty if there is no group, or if the groups alternate.
    pub(crate) bands: Vec<Band>,
    /// Runs of records that one model version answered.
    pub(crate) models: Vec<ModelSpan>,
    pub(crate) retrainings: Vec<RetrainingMarks>,
}

/// Records by position, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Span {
    /// The span between two positions in any order.
    pub(super) fn between(one: usize, other: usize) -> Self {
        Self {
            first: one.min(other),
            last: one.max(other),
        }
    }

    pub(crate) fn len(self) -> u64 {
        (self.last - self.first + 1) as u64
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecordPoint {
    pub(crate) position: usize,
    pub(crate) id: String,
    pub(crate) group: usize,
    pub(crate) measured: EventTime,
    /// The error; `None` before the record is joined.
    pub(crate) error: Option<f64>,
    /// The model version that answered.
    pub(crate) model_version: Option<String>,
    /// Whether the model had never seen the group.
    pub(crate) unseen: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Band {
    pub(crate) span: Span,
    pub(crate) group: usize,
    /// Mean error of the records that have one.
    pub(crate) mean_error: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModelSpan {
    pub(crate) span: Span,
    /// `None` if no prediction is known.
    pub(crate) version: Option<String>,
}

impl Timeline {
    /// # Errors
    /// If a number of the report cannot be drawn, such as a negative error.
    pub(crate) fn of(report: &Report) -> Result<Self, PlotError> {
        check(report)?;
        let rows = &report.record_rows;
        let (groups, numbers) = group_numbers(report);
        let number = |row: &RecordRow| numbers.get(row.group.as_deref()?).copied();
        let records = rows.iter().enumerate().map(|(at, row)| RecordPoint {
            position: at + 1,
            id: cut(&row.id),
            group: number(row).unwrap_or_default(),
            measured: row.measured,
            error: row.error,
            model_version: row.model_version.as_deref().map(cut),
            unseen: row.unseen_level,
        });
        // Runs of alternating groups would be stripes.
        let has_bands = report.definition.group().is_some() && !report.groups_alternate();
        let bands = runs(rows, |one, next| one.group == next.group);
        let bands = bands.map(|(span, run)| Band {
            span,
            group: run.first().and_then(number).unwrap_or_default(),
            mean_error: mean(run.iter().filter_map(|row| row.error)),
        });
        let models = runs(rows, |one, next| one.model_version == next.model_version);
        let models = models.map(|(span, run)| ModelSpan {
            span,
            version: run
                .first()
                .and_then(|row| row.model_version.as_deref().map(cut)),
        });
        Ok(Self {
            words: Words(report.definition),
            threshold: report.threshold,
            records: records.collect(),
            bands: if has_bands {
                bands.collect()
            } else {
                Vec::new()
            },
            models: models.collect(),
            groups,
            retrainings: retrainings(report),
        })
    }

    pub(crate) fn group_name(&self, group: usize) -> &str {
        self.groups.get(group).map_or("", String::as_str)
    }

    /// The id of the records at a position.
    pub(crate) fn id(&self, position: usize) -> &str {
        self.at(position).map_or("", |one| one.id.as_str())
    }

    /// The records at a position.
    pub(crate) fn at(&self, position: usize) -> Option<&RecordPoint> {
        self.records.get(position.checked_sub(1)?)
    }
}

/// Runs of rows that are alike, with their positions.
fn runs(
    rows: &[RecordRow],
    alike: impl Fn(&RecordRow, &RecordRow) -> bool,
) -> impl Iterator<Item = (Span, &[RecordRow])> {
    let mut next = 1;
    rows.chunk_by(alike).map(move |run| {
        let first = next;
        next += run.len();
        let last = next - 1;
        (Span { first, last }, run)
    })
}
