//! The best model in hindsight: one fit on all rows.

use model_server::training::{Skipped, train_version};
use model_store::Cause;
use model_store::features::TrainingRow;
use pipeline::{Definition, EventTime};
use serde_json::Value;

/// The most rows of the fit. Of more rows, every second, fourth, eighth, … is used.
const MAX_ROWS: usize = 20_000;

/// Rows at equal distances.
#[derive(Debug)]
pub(crate) struct Sample {
    /// One of so many rows is kept.
    step: u64,
    seen: u64,
    rows: Vec<TrainingRow>,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            step: 1,
            seen: 0,
            rows: Vec::new(),
        }
    }
}

impl Sample {
    /// Adds a joined row, unless it cannot be trained on.
    pub(crate) fn add(&mut self, definition: &Definition, row: &Value) {
        let Ok(row) = TrainingRow::from_document(definition, row) else {
            return;
        };
        if self.seen.is_multiple_of(self.step) {
            self.rows.push(row);
        }
        self.seen += 1;
        if self.rows.len() > MAX_ROWS {
            let mut odd = true;
            self.rows.retain(|_| {
                odd = !odd;
                !odd
            });
            self.step *= 2;
        }
    }

    /// The leave-one-out error of a model that is fitted to the rows, and the distance between the rows. `None`
    /// if they cannot be fitted.
    pub(crate) fn error(self, definition: &Definition) -> Option<(f64, u64)> {
        let version = train_version(
            definition,
            self.rows,
            &Skipped::default(),
            Cause::of(None),
            EventTime::now(),
        );
        Some((version.ok()?.info.loo_error, self.step))
    }
}
