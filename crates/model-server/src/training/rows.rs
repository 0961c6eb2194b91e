//! Selects the joined rows to train on.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use model_store::features::TrainingRow;
use model_store::{Page, Store, StoreError};

/// Bounds of the number of documents per read. The lower bound avoids single-document reads when
/// documents have to be skipped.
const CHUNK: RangeInclusive<usize> = 50..=200;

/// Which rows to use, how long to wait for the last one, and how many versions to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingRule {
    /// The number of newest valid rows.
    pub newest: u32,
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
    /// The number of rows skipped because a field is invalid.
    pub(super) skipped: u64,
}

/// Selects rows by the rule; `known` are the groups of the live model.
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
    let definition = store.definition();
    for group in known {
        let selected = scan
            .selection
            .rows
            .iter()
            .filter(|row| row.group(definition) == Some(group))
            .count();
        let missing = (rule.keep_per_group as usize).saturating_sub(selected);
        scan.take(Some(group), missing).await?;
    }
    let mut selection = scan.selection;
    selection
        .rows
        .sort_by(|a, b| (&a.timestamp, &a.row_id).cmp(&(&b.timestamp, &b.row_id)));
    Ok(selection)
}

struct Scan<'a> {
    store: &'a dyn Store,
    /// Ids read so far. Rows that arrive between two reads shift the pages, so that a row may be read twice.
    seen: HashSet<String>,
    selection: Selection,
}

impl Scan<'_> {
    /// Adds the newest `wanted` valid rows that have not been read yet.
    async fn take(&mut self, group: Option<&str>, wanted: usize) -> Result<(), StoreError> {
        let goal = self.selection.rows.len() + wanted;
        let mut skip = 0;
        while self.selection.rows.len() < goal {
            let wanted = goal - self.selection.rows.len();
            let limit = wanted.clamp(*CHUNK.start(), *CHUNK.end()) as u32;
            let page = Page { skip, limit };
            let documents = self.store.newest_rows(group, page).await?;
            let last_page = documents.len() < limit as usize;
            skip += documents.len() as u64;
            for document in documents {
                if self.selection.rows.len() == goal {
                    break;
                }
                if !self.seen.insert(document["_id"].to_string()) {
                    continue;
                }
                match TrainingRow::from_document(self.store.definition(), &document) {
                    Ok(row) => self.selection.rows.push(row),
                    Err(fault) => {
                        self.selection.skipped += 1;
                        tracing::debug!(id = %document["_id"], %fault, "skipped an invalid training row");
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
