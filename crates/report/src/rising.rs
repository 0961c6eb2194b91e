//! Rising errors: whether the newest records are predicted badly.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::EventTime;

use crate::build::mean;
use crate::report::{GroupError, RecordRow, Report};

/// A rise ends when the mean error falls below this share of the threshold, so that a mean error close
/// to the threshold does not start and end it again and again.
const CALM: f64 = 0.8;

/// Consecutive records that are predicted badly.
#[derive(Clone, Debug, PartialEq)]
pub struct Rise {
    /// The first record with an error above the threshold.
    pub first_record: String,
    /// When it was measured.
    pub since: EventTime,
    /// The group with a mean error above the threshold among the [`Rise::RUN`] records whose mean error first
    /// passed it, the largest contributor first. 0 training rows means that the model was not trained
    /// on the group.
    pub groups: Vec<GroupError>,
}

impl Rise {
    /// How many consecutive records the mean error covers.
    pub const RUN: usize = 10;
}

impl Report {
    /// The rise under way, if any. It begins when the mean error of [`Rise::RUN`] consecutive records since the
    /// last recovery passes the threshold.
    pub fn rising(&self) -> Option<Rise> {
        let recoveries = self.retrainings.iter();
        let recoveries: BTreeSet<_> = recoveries
            .filter_map(|one| one.first_record_recovered.as_deref())
            .collect();
        let mut rows = self.record_rows.iter();
        let from = rows.rposition(|row| recoveries.contains(row.id.as_str()));
        let scored: Vec<(&RecordRow, f64)> = self
            .record_rows
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

    fn rise(&self, onset: &[(&RecordRow, f64)]) -> Option<Rise> {
        let bad = |error: f64| error > self.threshold;
        let (first, _) = onset.iter().find(|(_, error)| bad(*error))?;
        let mut errors: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (row, error) in onset {
            if let Some(group) = &row.group {
                errors.entry(group).or_default().push(*error);
            }
        }
        let unseen = |group: &str| {
            let mut rows = onset.iter().map(|(row, _)| row);
            rows.any(|row| row.unseen_level && row.group.as_deref() == Some(group))
        };
        let mut groups = GroupError::by_contribution(errors, |group| unseen(group).then_some(0));
        groups.retain(|one| bad(one.mean_error));
        Some(Rise {
            first_record: first.id.clone(),
            since: first.measured,
            groups,
        })
    }
}
