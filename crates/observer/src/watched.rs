//! A running pipeline seen from outside: its topics, its model API, its store.
//!
//! The embedded demo and a check of any running stack share it, so that both mean the same by a
//! fish that is accounted for.

use std::collections::HashSet;
use std::time::Duration;

use messages::EventTime;
use report::ledger::Fish;
use report::{Ledger, ModelHistory, Report, Sources};

use crate::memory;
use crate::model_history::ModelApi;
use crate::observe::Observer;
use crate::stored_rows::StoredRows;
use crate::trigger_rule::TriggerRule;

/// How often store and model API are asked while something is waited for.
const POLL: Duration = Duration::from_millis(100);
/// How long one that does not answer is left alone.
const SILENCE: Duration = Duration::from_secs(1);

/// Which fish are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// So many.
    Planned(u64),
    /// Those that were measured until this event time; `None`: all that were measured.
    MeasuredUntil(Option<EventTime>),
}

impl Awaited {
    /// So many, or all that were measured where the number is not known.
    pub fn of_plan(planned: Option<u64>) -> Self {
        planned.map_or(Self::MeasuredUntil(None), Self::Planned)
    }

    fn planned(self) -> Option<u64> {
        match self {
            Self::Planned(planned) => Some(planned),
            Self::MeasuredUntil(_) => None,
        }
    }

    fn holds(self, fish: &Fish) -> bool {
        match self {
            Self::MeasuredUntil(Some(until)) => fish.first_seen().is_none_or(|seen| seen <= until),
            Self::Planned(_) | Self::MeasuredUntil(None) => true,
        }
    }

    /// Whether there is a fish beyond the awaited ones: the pipeline goes on.
    fn is_passed(self, ledger: &Ledger) -> bool {
        ledger.fish().iter().any(|(_, one)| !self.holds(one))
    }
}

/// The three windows into a pipeline.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What is on the topics.
    pub observer: Observer,
    /// Versions and decisions.
    pub model_api: ModelApi,
    /// The training data.
    pub stored: StoredRows,
    /// When the SQL triggers a retraining.
    pub rule: TriggerRule,
}

impl Watched {
    /// Waits until nothing is missing of the awaited fish: each one joined and stored, each trigger
    /// answered, and nothing new for `quiet`, or a fish beyond the awaited ones. A store or a model API
    /// that does not answer is waited for too: set a time limit, and ask [`Self::last_look`] after it.
    pub async fn settled(&self, awaited: Awaited, quiet: Duration) {
        let mut changes = self.observer.changes();
        loop {
            // Before the look: what comes while it lasts is news.
            changes.mark_unchanged();
            match self.open(awaited).await {
                Ok(open) if open.is_empty() => {}
                Ok(_) => {
                    tokio::time::sleep(POLL).await;
                    continue;
                }
                Err(error) => {
                    tracing::warn!("waiting: {error:#}");
                    tokio::time::sleep(SILENCE).await;
                    continue;
                }
            }
            if awaited.is_passed(&self.observer.ledger()) {
                return;
            }
            // The last rows may still lead to a trigger: only a quiet pipeline has settled.
            if tokio::time::timeout(quiet, changes.changed())
                .await
                .is_err()
            {
                return;
            }
        }
    }

    /// What is still missing, in words.
    ///
    /// # Errors
    /// Where the store or the model API cannot be read.
    pub async fn missing(&self, awaited: Awaited) -> anyhow::Result<String> {
        let open = self.open(awaited).await?;
        Ok(if open.is_empty() {
            "nothing any more".to_owned()
        } else {
            open.join(", ")
        })
    }

    async fn open(&self, awaited: Awaited) -> anyhow::Result<Vec<String>> {
        let (triggers, rows, to_join) = {
            let ledger = self.observer.ledger();
            let mut fish = ledger.fish();
            fish.retain(|(_, one)| awaited.holds(one));
            let joined = fish.iter().filter(|(_, one)| one.diff.is_some()).count() as u64;
            let expected = awaited.planned().unwrap_or(fish.len() as u64);
            let rows = rows_of(&fish);
            (
                ledger.triggers().to_vec(),
                rows,
                expected.saturating_sub(joined),
            )
        };
        if to_join > 0 {
            return Ok(vec![format!("{to_join} fish to be joined")]);
        }
        let mut open = Vec::new();
        let to_store = rows.len() - self.stored.among(&rows).await?.len();
        if to_store > 0 {
            open.push(format!("{to_store} rows to be stored"));
        }
        let history = self.model_api.history().await?;
        let to_answer = triggers
            .iter()
            .filter(|trigger| !history.has_settled(&trigger.value))
            .count();
        if to_answer > 0 {
            open.push(format!("{to_answer} triggers to be answered"));
        }
        Ok(open)
    }

    /// The model's history, and which rows of the fish that were seen are stored, as it is now.
    ///
    /// # Errors
    /// Where the store or the model API cannot be read.
    pub async fn outside(&self) -> anyhow::Result<Outside> {
        let (triggers, rows) = {
            let ledger = self.observer.ledger();
            (ledger.triggers().to_vec(), rows_of(&ledger.fish()))
        };
        Ok(Outside {
            history: self.model_api.history_of(&triggers).await?,
            stored: self.stored.among(&rows).await?,
        })
    }

    /// What can still be learned when a deadline has passed, with what went wrong: what was missing,
    /// and what does not answer.
    pub async fn last_look(&self, awaited: Awaited, after: &str) -> (Outside, Vec<String>) {
        let missing = self.missing(awaited).await;
        let missing = missing.unwrap_or_else(|error| format!("an answer: {error:#}"));
        let mut faults = vec![format!("{after} still waiting for {missing}")];
        let outside = self.outside().await.unwrap_or_else(|error| {
            faults.push(format!("{error:#}"));
            Outside::default()
        });
        (outside, faults)
    }

    /// The report of what was seen.
    pub fn report(
        &self,
        outside: &Outside,
        planned: Option<u64>,
        wall: Duration,
        faults: Vec<String>,
    ) -> Report {
        self.report_of(&self.observer.ledger(), outside, planned, wall, faults)
    }

    /// The report of a part of what was seen.
    pub fn report_of(
        &self,
        ledger: &Ledger,
        outside: &Outside,
        planned: Option<u64>,
        wall: Duration,
        faults: Vec<String>,
    ) -> Report {
        report::build(&Sources {
            ledger,
            history: &outside.history,
            stored: &outside.stored,
            planned,
            threshold: self.rule.threshold,
            window: self.rule.window,
            wall,
            peak_memory_bytes: memory::peak_bytes(),
            faults,
        })
    }
}

/// The identities of the rows that are to be in the store.
pub fn rows_of(fish: &[(&str, &Fish)]) -> HashSet<String> {
    fish.iter()
        .flat_map(|(_, one)| one.row_ids.iter().cloned())
        .collect()
}

/// What is known of a run besides its topics.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// The model's versions and the decisions on them.
    pub history: ModelHistory,
    /// The identities of the stored rows.
    pub stored: HashSet<String>,
}
