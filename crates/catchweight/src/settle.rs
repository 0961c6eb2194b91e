//! When a finite run is over: every fish stored, every trigger answered, nothing under way.

use std::time::Duration;

use crate::embedded::Embedded;
use crate::stored_rows::stored_rows;

/// How often the store is asked while its rows are waited for.
const POLL: Duration = Duration::from_millis(50);

/// Waits for a run's end.
pub(crate) struct Settling<'a> {
    embedded: &'a Embedded,
    planned: Option<u64>,
}

impl<'a> Settling<'a> {
    pub(crate) fn new(embedded: &'a Embedded, planned: Option<u64>) -> Self {
        Self { embedded, planned }
    }

    /// Waits until nothing is missing.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) async fn settled(&mut self) -> anyhow::Result<()> {
        while !self.open().await?.is_empty() {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// What is still missing, in words.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) async fn missing(&self) -> anyhow::Result<String> {
        let open = self.open().await?;
        Ok(if open.is_empty() {
            "nothing any more".to_owned()
        } else {
            open.join(", ")
        })
    }

    async fn open(&self) -> anyhow::Result<Vec<String>> {
        let mut open = Vec::new();
        let (triggers, rows) = {
            let ledger = self.embedded.observer().ledger();
            let fish = ledger.fish();
            let joined = fish.iter().filter(|(_, one)| one.diff.is_some()).count() as u64;
            let to_join = self.planned.unwrap_or(0).saturating_sub(joined);
            if to_join > 0 {
                open.push(format!("{to_join} fish to be joined"));
            }
            let rows: Vec<String> = fish
                .iter()
                .flat_map(|(_, one)| one.row_ids.iter().cloned())
                .collect();
            (ledger.triggers().to_vec(), rows)
        };
        if !open.is_empty() {
            return Ok(open);
        }
        let stored = stored_rows(self.embedded.store()).await?;
        let to_store = rows.iter().filter(|id| !stored.contains(*id)).count();
        if to_store > 0 {
            open.push(format!("{to_store} rows to be stored"));
        }
        let history = self.embedded.model_api().history().await?;
        let to_settle = triggers
            .iter()
            .filter(|trigger| !history.has_settled(&trigger.value))
            .count();
        if to_settle > 0 {
            open.push(format!("{to_settle} triggers to be answered"));
        }
        Ok(open)
    }
}
