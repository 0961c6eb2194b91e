//! Unseen levels: whether the live model answers for levels on which it was not trained.

use std::collections::BTreeSet;

use pipeline::EventTime;

use crate::report::{RecordRow, Report};
use crate::rising::Rise;

/// The newest records have levels on which the model was not trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Unseen {
    /// The first such record of the version that predicted the newest record.
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
        let of_version: Vec<&RecordRow> = self
            .record_rows
            .iter()
            .filter(|row| row.model_version == newest.model_version)
            .collect();
        let last = of_version.get(of_version.len().saturating_sub(Rise::RUN)..)?;
        let unseen: Vec<_> = last.iter().filter(|row| row.unseen_level).collect();
        let first = of_version.iter().find(|row| row.unseen_level)?;
        let groups: BTreeSet<&String> =
            unseen.iter().filter_map(|row| row.group.as_ref()).collect();
        (!unseen.is_empty()).then(|| Unseen {
            first_record: first.id.clone(),
            since: first.measured,
            records: unseen.len() as u64,
            of: last.len() as u64,
            groups: groups.into_iter().cloned().collect(),
        })
    }
}
