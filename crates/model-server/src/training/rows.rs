//! Which rows of `Weight.TrainingData` a model is trained on.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::features::TrainingRow;
use crate::store::{Page, Store, StoreError};

/// How many documents are read at a time: as many as are wanted, within these bounds, so that
/// documents that cannot be used do not cost a read each.
const CHUNK: RangeInclusive<usize> = 50..=200;

/// Which rows to take, how long to wait for the last one, how many versions to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingRule {
    /// The newest valid rows.
    pub newest: u32,
    /// Of each species that the live model knows and that has fewer rows than this among the
    /// newest, older rows up to this many: a stretch of one species must not make the model forget
    /// the others.
    pub keep_per_species: u32,
    /// How long to wait for the row that a trigger names: the row and the trigger come through two
    /// independent connectors.
    pub row_wait: Duration,
    /// Versions that are kept.
    pub keep_versions: u64,
}

/// The rows to train on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selection {
    /// Oldest first.
    pub(super) rows: Vec<TrainingRow>,
    /// Rows left out because a number was missing, not positive or too large, or another field was
    /// wrong.
    pub(super) skipped: u64,
}

/// Selects by the rule. `known` are the species of the live model.
pub(super) async fn select(
    store: &dyn Store,
    rule: TrainingRule,
    known: &[String],
) -> Result<Selection, StoreError> {
    let mut scan = Scan {
        store,
        seen: HashSet::new(),
        selection: Selection::default(),
    };
    scan.take(None, rule.newest as usize).await?;
    for species in known {
        let have = scan
            .selection
            .rows
            .iter()
            .filter(|row| row.species == *species)
            .count();
        let missing = (rule.keep_per_species as usize).saturating_sub(have);
        scan.take(Some(species), missing).await?;
    }
    let mut selection = scan.selection;
    selection
        .rows
        .sort_by(|a, b| (&a.timestamp, &a.row_id).cmp(&(&b.timestamp, &b.row_id)));
    Ok(selection)
}

struct Scan<'a> {
    store: &'a dyn Store,
    /// Ids read so far: rows that arrive while reading shift the pages.
    seen: HashSet<String>,
    selection: Selection,
}

impl Scan<'_> {
    /// Adds the newest `wanted` valid rows that were not read before.
    async fn take(&mut self, species: Option<&str>, wanted: usize) -> Result<(), StoreError> {
        let goal = self.selection.rows.len() + wanted;
        let mut skip = 0;
        while self.selection.rows.len() < goal {
            let wanted = goal - self.selection.rows.len();
            let limit = wanted.clamp(*CHUNK.start(), *CHUNK.end()) as u32;
            let page = Page { skip, limit };
            let documents = self.store.newest_rows(species, page).await?;
            let last_page = documents.len() < limit as usize;
            skip += documents.len() as u64;
            for document in documents {
                if self.selection.rows.len() == goal {
                    break;
                }
                if !self.seen.insert(document["_id"].to_string()) {
                    continue;
                }
                match TrainingRow::from_document(&document) {
                    Ok(row) => self.selection.rows.push(row),
                    Err(fault) => {
                        self.selection.skipped += 1;
                        tracing::debug!(id = %document["_id"], %fault, "a row cannot be trained on");
                    }
                }
            }
            if last_page {
                break;
            }
        }
        Ok(())
    }
}
