//! Unseen levels: whether the live model answers for levels on which it was not trained.

use std::collections::BTreeSet;

use pipeline::EventTime;

use crate::report::{RecordRow, Report};
use crate::rising::Rise;

/// The newest records have levels on which the model was not trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Unseen {
    /// The first such record of the version that predicted the newest record, after the last [`Rise::RUN`]
    /// consecutive records of that version without one.
    pub first_record: String,
    /// When it was measured.
    pub since: EventTime,
    /// How many of the newest [`Rise::RUN`] records of that version have such a level.
    pub records: u64,
    /// How many they are.
    pub of: u64,
    /// Their groups.
    pub groups: Vec<String>,
}

impl Report {
    /// The unseen levels of the newest records, if any: known at the first such record, before its actual value.
    pub fn unseen(&self) -> Option<Unseen> {
        let predicted = |row: &&RecordRow| row.model_version.is_some();
        let newest = self.record_rows.iter().rfind(predicted)?;
        let of_version = || {
            let rows = self.record_rows.iter().rev();
            rows.filter(|row| row.model_version == newest.model_version)
        };
        let (mut first, mut seen) = (None, 0);
        for row in of_version() {
            if row.unseen_level {
                (first, seen) = (Some(row), 0);
                continue;
            }
            seen += 1;
            if seen == Rise::RUN {
                break;
            }
        }
        let first = first?;
        let unseen: Vec<&RecordRow> = of_version()
            .take(Rise::RUN)
            .filter(|row| row.unseen_level)
            .collect();
        let groups: BTreeSet<&String> =
            unseen.iter().filter_map(|row| row.group.as_ref()).collect();
        Some(Unseen {
            first_record: first.id.clone(),
            since: first.measured,
            records: unseen.len() as u64,
            of: of_version().take(Rise::RUN).count() as u64,
            groups: groups.into_iter().cloned().collect(),
        })
    }
}
