//! A running pipeline seen from outside: its topics, its model API, its store.
//!
//! The embedded demo and a check of any running stack share it, so that both mean the same by a
//! fish that is accounted for.

use std::collections::HashSet;
use std::time::Duration;

use pipeline::EventTime;
use report::ledger::{Fish, Trigger};
use report::{Ledger, ModelHistory, Report, Sources};

use crate::memory;
use crate::model_history::ModelApi;
use crate::observe::Observer;
use crate::stored_rows::StoredRows;
use pipeline::TriggerRule;

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

    fn among(self, ledger: &Ledger) -> Vec<(&str, &Fish)> {
        let mut fish = ledger.fish();
        fish.retain(|(_, one)| self.holds(one));
        fish
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
        let mut told = Vec::new();
        loop {
            // Before the look: what comes while it lasts is news.
            changes.mark_unchanged();
            if self.to_join(awaited) > 0 {
                tokio::time::sleep(POLL).await;
                continue;
            }
            let outside = self.ask(self.model_api.history()).await;
            if outside.unknown != told {
                outside
                    .unknown
                    .iter()
                    .for_each(|why| tracing::warn!("waiting: {why}"));
                told.clone_from(&outside.unknown);
            }
            if !outside.unknown.is_empty() {
                tokio::time::sleep(SILENCE).await;
                continue;
            }
            if !self.missing(awaited, &outside).is_empty() {
                tokio::time::sleep(POLL).await;
                continue;
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

    /// How many of the awaited fish are not joined yet.
    fn to_join(&self, awaited: Awaited) -> u64 {
        let ledger = self.observer.ledger();
        let fish = awaited.among(&ledger);
        let joined = fish.iter().filter(|(_, one)| one.diff.is_some()).count() as u64;
        let expected = awaited.planned().unwrap_or(fish.len() as u64);
        expected.saturating_sub(joined)
    }

    /// What is still missing, in words, as far as that is known.
    fn missing(&self, awaited: Awaited, outside: &Outside) -> Vec<String> {
        let to_join = self.to_join(awaited);
        let ledger = self.observer.ledger();
        let to_store = outside.stored.as_ref().map_or(0, |stored| {
            let rows = rows_of(&awaited.among(&ledger));
            rows.iter().filter(|id| !stored.contains(*id)).count() as u64
        });
        let to_answer = outside.history.as_ref().map_or(0, |history| {
            let open = |trigger: &&Trigger| !history.has_settled(&trigger.value);
            ledger.triggers().iter().filter(open).count() as u64
        });
        [
            (to_join, "fish to be joined"),
            (to_store, "rows to be stored"),
            (to_answer, "triggers to be answered"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect()
    }

    /// The model's history, and which rows of the fish that were seen are stored, as it is now.
    pub async fn outside(&self) -> Outside {
        let triggers = self.observer.ledger().triggers().to_vec();
        self.ask(self.model_api.history_of(&triggers)).await
    }

    /// Asks store and model API at the same time: one that does not answer hides nothing of the other.
    async fn ask(&self, history: impl Future<Output = anyhow::Result<ModelHistory>>) -> Outside {
        let rows = rows_of(&self.observer.ledger().fish());
        let (stored, history) = tokio::join!(self.stored.among(&rows), history);
        let mut unknown = Vec::new();
        let stored = stored.map_err(|error| {
            unknown.push(format!("which rows are stored is not known: {error:#}"))
        });
        let history = history.map_err(|error| {
            unknown.push(format!(
                "what became of the triggers is not known: {error:#}"
            ));
        });
        Outside {
            stored: stored.ok(),
            history: history.ok(),
            unknown,
        }
    }

    /// What can still be learned when a deadline has passed, with what was missing.
    pub async fn last_look(&self, awaited: Awaited, after: &str) -> (Outside, Vec<String>) {
        let outside = self.outside().await;
        let missing = match self.missing(awaited, &outside) {
            missing if !missing.is_empty() => missing.join(", "),
            _ if !outside.unknown.is_empty() => "an answer".to_owned(),
            _ => "nothing any more".to_owned(),
        };
        (
            outside,
            vec![format!("{after} still waiting for {missing}")],
        )
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

    /// The report of a part of what was seen. What the store or the model API did not tell is among its
    /// reasons.
    pub fn report_of(
        &self,
        ledger: &Ledger,
        outside: &Outside,
        planned: Option<u64>,
        wall: Duration,
        mut faults: Vec<String>,
    ) -> Report {
        faults.extend(outside.unknown.iter().cloned());
        report::build(&Sources {
            history: outside.history.as_ref(),
            stored: outside.stored.as_ref(),
            planned,
            wall,
            peak_memory_bytes: memory::peak_bytes(),
            faults,
            ..Sources::of(ledger, self.rule.threshold, self.rule.window)
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
#[derive(Clone, Debug)]
pub struct Outside {
    /// The model's versions and the decisions on them; none where the model API does not tell.
    pub history: Option<ModelHistory>,
    /// The identities of the stored rows; none where the store does not tell.
    pub stored: Option<HashSet<String>>,
    /// What is not known, and why: empty where both answered.
    pub unknown: Vec<String>,
}
