//! Selects the joined rows to train on.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use model_store::features::TrainingRow;
use model_store::{Page, Store, StoreError};

use super::fit::rows_needed;

/// Bounds of the number of documents per read. The lower bound avoids single-document reads when
/// documents have to be skipped.
const CHUNK: RangeInclusive<usize> = 50..=200;

/// The most documents that a training reads, valid or not.
const MAX_READ: usize = 20_000;

/// Which rows to use, how long to wait for the last one, and how many versions to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingRule {
    /// The number of newest valid rows; older ones are added if they are too few for the model's columns.
    pub newest: u32,
    /// The maximum number of rows.
    pub most: u32,
    /// The minimum number of rows of each group that the live model knows. Older rows are added up
    /// to this number, so that a long series of one group does not make the model lose the others.
    pub keep_per_group: u32,
    /// How long to wait for the row that a trigger names. The row and the trigger arrive through
    /// different connectors, in any order.
    pub row_wait: Duration,
    /// The number of versions to keep.
    pub keep_versions: u64,
}

/// The rows to train on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selection {
    /// Oldest first.
    pub(super) rows: Vec<TrainingRow>,
    /// The rows skipped because a field is invalid: their number by reason.
    pub(super) skipped: Skipped,
}

/// The number of skipped rows by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped(BTreeMap<String, u64>);

impl Skipped {
    /// The number of skipped rows.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The reasons, each with its number of rows.
    pub fn reasons(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rows skipped: ", self.count())?;
        for (at, (reason, count)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{count} x {reason}")?;
        }
        Ok(())
    }
}

/// Selects rows by the rule; `known` are the groups of the live model.
pub(super) async fn select(
    store: &dyn Store,
    rule: TrainingRule,
    known: &[String],
) -> Result<Selection, StoreError> {
    let mut scan = Scan {
        store,
        most: rule.most as usize,
        seen: HashSet::new(),
        next: 0,
        at_end: false,
        selection: Selection::default(),
    };
    let definition = store.definition();
    scan.take_newest(rule.newest as usize).await?;
    for group in known {
        let rows = scan.selection.rows.iter();
        let selected = rows.filter(|row| row.group(definition) == Some(group));
        let missing = (rule.keep_per_group as usize).saturating_sub(selected.count());
        scan.take_of(group, missing).await?;
    }
    loop {
        let missing =
            rows_needed(definition, &scan.selection.rows).saturating_sub(scan.selection.rows.len());
        if missing == 0 || !scan.take_newest(missing).await? {
            break;
        }
    }
    let mut selection = scan.selection;
    selection
        .rows
        .sort_by(|a, b| (&a.timestamp, &a.row_id).cmp(&(&b.timestamp, &b.row_id)));
    Ok(selection)
}

struct Scan<'a> {
    store: &'a dyn Store,
    /// The maximum number of rows.
    most: usize,
    /// Ids read so far. Rows that arrive between two reads shift the pages, so that a row may be read twice.
    seen: HashSet<String>,
    /// How many of the newest documents of all groups have been read.
    next: u64,
    /// Whether all documents have been read, or as many as allowed.
    at_end: bool,
    selection: Selection,
}

impl Scan<'_> {
    /// Adds the newest `wanted` valid rows that have not been read yet; false if there are none.
    async fn take_newest(&mut self, wanted: usize) -> Result<bool, StoreError> {
        let before = self.selection.rows.len();
        let goal = self.most.min(before + wanted);
        while self.selection.rows.len() < goal && !self.at_end {
            let limit = (goal - self.selection.rows.len()).clamp(*CHUNK.start(), *CHUNK.end());
            let (skip, limit) = (self.next, limit as u32);
            let documents = self.store.newest_rows(None, Page { skip, limit }).await?;
            let is_last = documents.len() < limit as usize;
            let mut read = 0;
            for document in documents {
                if self.selection.rows.len() == goal {
                    break;
                }
                read += 1;
                self.add(&document);
            }
            self.next += read;
            let all_read = is_last && self.selection.rows.len() < goal;
            self.at_end = all_read || self.seen.len() >= MAX_READ;
        }
        Ok(self.selection.rows.len() > before)
    }

    /// Adds the newest `wanted` valid rows of a group that have not been read yet.
    async fn take_of(&mut self, group: &str, wanted: usize) -> Result<(), StoreError> {
        let goal = self.most.min(self.selection.rows.len() + wanted);
        let mut skip = 0;
        while self.selection.rows.len() < goal && self.seen.len() < MAX_READ {
            let limit = (goal - self.selection.rows.len()).clamp(*CHUNK.start(), *CHUNK.end());
            let limit = limit as u32;
            let page = Page { skip, limit };
            let documents = self.store.newest_rows(Some(group), page).await?;
            let is_last = documents.len() < limit as usize;
            skip += documents.len() as u64;
            for document in documents {
                if self.selection.rows.len() == goal {
                    break;
                }
                self.add(&document);
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// Adds a row, unless it is invalid or has been read before.
    fn add(&mut self, document: &serde_json::Value) {
        if !self.seen.insert(document["_id"].to_string()) {
            return;
        }
        match TrainingRow::from_document(self.store.definition(), document) {
            Ok(row) => self.selection.rows.push(row),
            Err(fault) => {
                *self
                    .selection
                    .skipped
                    .0
                    .entry(fault.to_string())
                    .or_default() += 1;
                tracing::debug!(id = %document["_id"], %fault, "skipped an invalid training row");
            }
        }
    }
}
