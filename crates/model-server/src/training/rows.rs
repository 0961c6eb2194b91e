//! Selects the joined rows to train on.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use model_store::features::{TrainingRow, group_among_levels};
use model_store::{Page, Store, StoreError};

use super::fit::{intercepts, rows_needed};

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
    /// With very many groups it is less, so that each of them gets its share of the maximum.
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

/// Selects rows by the rule; `known` are the groups of the live model, and `live_rows` its training rows, oldest
/// first.
pub(super) async fn select(
    store: &dyn Store,
    rule: TrainingRule,
    known: &[String],
    live_rows: Vec<TrainingRow>,
) -> Result<Selection, StoreError> {
    let definition = store.definition();
    let mut scan = Scan {
        store,
        most: rule.most as usize,
        group: group_among_levels(definition),
        seen: HashSet::new(),
        next: 0,
        at_end: false,
        of_group: HashMap::new(),
        selection: Selection::default(),
    };
    scan.take_newest(rule.newest as usize).await?;
    let share = scan.most / known.len().max(1);
    for group in known {
        scan.keep(group, share.min(rule.keep_per_group as usize))
            .await?;
    }
    loop {
        let missing =
            rows_needed(definition, &scan.selection.rows).saturating_sub(scan.selection.rows.len());
        if missing == 0 || !scan.take_newest(missing).await? {
            break;
        }
    }
    if let Some(place) = intercepts(definition) {
        scan.complete(live_rows, place, rule.keep_per_group as usize);
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
    /// The position of the group among a row's levels.
    group: Option<usize>,
    /// Ids read so far. Rows that arrive between two reads shift the pages, so that a row may be read twice.
    seen: HashSet<String>,
    /// How many of the newest documents of all groups have been read.
    next: u64,
    /// Whether all documents have been read, or as many as allowed.
    at_end: bool,
    /// The number of selected rows of each group.
    of_group: HashMap<String, usize>,
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

    /// Adds the newest valid rows of a group until it has `wanted` rows.
    async fn keep(&mut self, group: &str, wanted: usize) -> Result<(), StoreError> {
        let mut skip = 0;
        // These are usually all that is needed, and there may be a thousand groups.
        let mut limit = wanted.min(*CHUNK.end());
        while self.is_missing(group, wanted) && self.seen.len() < MAX_READ {
            let page = Page {
                skip,
                limit: limit as u32,
            };
            let documents = self.store.newest_rows(Some(group), page).await?;
            let is_last = documents.len() < limit;
            skip += documents.len() as u64;
            for document in documents {
                if !self.is_missing(group, wanted) {
                    break;
                }
                self.add(&document);
            }
            if is_last {
                break;
            }
            limit = wanted.clamp(*CHUNK.start(), *CHUNK.end());
        }
        Ok(())
    }

    /// Adds rows of the live version, such as the first ones, which the store does not have, for each level at
    /// `place` until it has `wanted` rows.
    fn complete(&mut self, live_rows: Vec<TrainingRow>, place: usize, wanted: usize) {
        let rows = &mut self.selection.rows;
        let ids: HashSet<String> = rows.iter().map(|row| row.row_id.clone()).collect();
        let mut counts: HashMap<String, usize> = HashMap::new();
        for level in rows.iter().filter_map(|row| row.levels.get(place)) {
            *counts.entry(level.clone()).or_default() += 1;
        }
        for row in live_rows.into_iter().rev() {
            let Some(level) = row.levels.get(place).filter(|_| !ids.contains(&row.row_id)) else {
                continue;
            };
            let count = counts.entry(level.clone()).or_default();
            if *count < wanted && rows.len() < self.most {
                *count += 1;
                rows.push(row);
            }
        }
    }

    fn is_missing(&self, group: &str, wanted: usize) -> bool {
        let selected = self.of_group.get(group).copied().unwrap_or(0);
        selected < wanted && self.selection.rows.len() < self.most
    }

    /// Adds a row, unless it is invalid or has been read before.
    fn add(&mut self, document: &serde_json::Value) {
        if !self.seen.insert(document["_id"].to_string()) {
            return;
        }
        match TrainingRow::from_document(self.store.definition(), document) {
            Ok(row) => {
                if let Some(group) = self.group.and_then(|group| row.levels.get(group)) {
                    *self.of_group.entry(group.clone()).or_default() += 1;
                }
                self.selection.rows.push(row);
            }
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
