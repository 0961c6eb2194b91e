//! A running pipeline as a whole: its topics, its model API and its store.

use std::collections::HashSet;
use std::time::Duration;

use pipeline::{EventTime, TriggerRule};
use report::ledger::{Fish, Trigger};
use report::{Ledger, ModelHistory, Report, Sources};
use tokio::time::{Instant, sleep, timeout};

use crate::model_api::ModelApi;
use crate::observer::Observer;
use crate::stored_rows::StoredRows;

/// The pause between two queries of the store and the model API.
const POLL: Duration = Duration::from_millis(100);
/// The pause after one of them did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Which fish to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// This many fish.
    Planned(u64),
    /// The fish measured until this event time; `None`: all fish measured so far.
    MeasuredUntil(Option<EventTime>),
}

impl Awaited {
    /// The planned number of fish, or all measured ones if there is no plan.
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
        fish.retain(|(_, one)| self.includes(one));
        fish
    }

    fn includes(self, fish: &Fish) -> bool {
        match self {
            Self::MeasuredUntil(Some(until)) => fish.first_seen().is_none_or(|seen| seen <= until),
            Self::Planned(_) | Self::MeasuredUntil(None) => true,
        }
    }
}

/// No progress for some time; the text says what is missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no progress for {} s: {missing}", after.as_secs())]
pub struct Stalled {
    after: Duration,
    missing: String,
}

/// A running pipeline, observed from outside.
#[derive(Clone, Debug)]
pub struct PipelineView {
    /// The records on the topics.
    pub observer: Observer,
    /// Versions and decisions.
    pub model_api: ModelApi,
    /// The rows of the training data.
    pub stored: StoredRows,
    /// When the SQL triggers a retraining.
    pub rule: TriggerRule,
}

impl PipelineView {
    /// Waits until every awaited fish is stored and every trigger decided on, and nothing new arrives
    /// for `quiet` or a fish after the awaited ones does.
    ///
    /// # Errors
    /// If there is no progress for `patience`. A store or model API that does not answer counts as no
    /// progress.
    pub async fn settled(
        &self,
        awaited: Awaited,
        quiet: Duration,
        patience: Duration,
    ) -> Result<(), Stalled> {
        let mut changes = self.observer.changes();
        let (mut progress, mut since) = (None, Instant::now());
        let mut warned = Vec::new();
        loop {
            // Before the queries: a record that arrives meanwhile is a change.
            let records = *changes.borrow_and_update();
            // Store and model API are not queried before every fish is joined.
            let missing = self.missing(awaited, None);
            let (missing, pause) = if missing.is_empty() {
                let snapshot = self.query(self.model_api.history()).await;
                if snapshot.errors != warned {
                    let errors = snapshot.errors.iter();
                    errors.for_each(|error| tracing::warn!("waiting: {error}"));
                    warned.clone_from(&snapshot.errors);
                }
                if snapshot.errors.is_empty() {
                    (self.missing(awaited, Some(&snapshot)), POLL)
                } else {
                    (snapshot.errors, RETRY)
                }
            } else {
                (missing, POLL)
            };
            if missing.is_empty() {
                let all = self.observer.ledger().fish().len();
                let more_arrive = awaited.among(&self.observer.ledger()).len() < all;
                // The last rows may still lead to a trigger.
                if more_arrive || timeout(quiet, changes.changed()).await.is_err() {
                    return Ok(());
                }
                continue;
            }
            let now = Some((records, missing.clone()));
            if progress != now {
                (progress, since) = (now, Instant::now());
            } else if since.elapsed() >= patience {
                return Err(Stalled {
                    after: patience,
                    missing: missing.join(", "),
                });
            }
            sleep(pause).await;
        }
    }

    /// What is missing, in words: on the topics and, with a snapshot, in the store and the history.
    fn missing(&self, awaited: Awaited, snapshot: Option<&Snapshot>) -> Vec<String> {
        let ledger = self.observer.ledger();
        let (joined, unjoined): (Vec<_>, Vec<_>) = awaited
            .among(&ledger)
            .into_iter()
            .partition(|(_, one)| one.diff.is_some());
        let planned = awaited
            .planned()
            .map(|planned| planned.saturating_sub(joined.len() as u64));
        let mut missing = match planned {
            // Further fish are not awaited.
            Some(0) => Vec::new(),
            _ => report::pending(&unjoined, planned),
        };
        if let Some(stored) = snapshot.and_then(|one| one.stored.as_ref()) {
            let rows = row_ids(&joined).difference(stored).count();
            if rows > 0 {
                missing.push(format!("{rows} rows not stored"));
            }
        }
        if let Some(history) = snapshot.and_then(|one| one.history.as_ref()) {
            let open = |trigger: &&Trigger| !history.has_settled(&trigger.value);
            let open = ledger.triggers().iter().filter(open).count();
            if open > 0 {
                missing.push(format!("{open} triggers without a decision"));
            }
        }
        missing
    }

    /// Queries the model's history, with training rows, and which rows are stored.
    pub async fn snapshot(&self) -> Snapshot {
        let triggers = self.observer.ledger().triggers().to_vec();
        self.query(self.model_api.history_of(&triggers)).await
    }

    /// Queries store and model API at the same time; an error of one does not hide the other's answer.
    async fn query(&self, history: impl Future<Output = anyhow::Result<ModelHistory>>) -> Snapshot {
        let rows = row_ids(&self.observer.ledger().fish());
        let (stored, history) = tokio::join!(self.stored.among(&rows), history);
        let mut errors = Vec::new();
        let stored =
            stored.map_err(|error| errors.push(format!("cannot read the store: {error:#}")));
        let history = history
            .map_err(|error| errors.push(format!("cannot read the model's history: {error:#}")));
        Snapshot {
            stored: stored.ok(),
            history: history.ok(),
            errors,
        }
    }

    /// A snapshot after a timeout, and what is missing according to it, in words.
    pub async fn snapshot_after_timeout(&self, awaited: Awaited) -> (Snapshot, String) {
        let snapshot = self.snapshot().await;
        let missing = match self.missing(awaited, Some(&snapshot)) {
            missing if !missing.is_empty() => missing.join(", "),
            _ if !snapshot.errors.is_empty() => "no answer".to_owned(),
            _ => "new records keep arriving".to_owned(),
        };
        (snapshot, missing)
    }

    /// The report of all records seen.
    pub fn report(
        &self,
        snapshot: &Snapshot,
        planned: Option<u64>,
        wall: Duration,
        faults: Vec<String>,
    ) -> Report {
        self.report_of(&self.observer.ledger(), snapshot, planned, wall, faults)
    }

    /// The report of a part of the records seen. The errors of the snapshot are added to `faults`.
    pub fn report_of(
        &self,
        ledger: &Ledger,
        snapshot: &Snapshot,
        planned: Option<u64>,
        wall: Duration,
        mut faults: Vec<String>,
    ) -> Report {
        faults.extend(snapshot.errors.iter().cloned());
        report::build(&Sources {
            history: snapshot.history.as_ref(),
            stored: snapshot.stored.as_ref(),
            planned,
            wall,
            peak_memory_bytes: peak_memory_bytes(),
            faults,
            ..Sources::of(ledger, self.rule.threshold, self.rule.window)
        })
    }
}

/// The ids of all joined rows of some fish.
pub fn row_ids(fish: &[(&str, &Fish)]) -> HashSet<String> {
    let rows = fish.iter().flat_map(|(_, one)| one.row_ids.iter());
    rows.cloned().collect()
}

/// The state of the store and of the model's history at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The model's versions and decisions; `None` if the model API did not answer.
    pub history: Option<ModelHistory>,
    /// The ids of the stored rows; `None` if the store did not answer.
    pub stored: Option<HashSet<String>>,
    /// Why one of them is `None`.
    pub errors: Vec<String>,
}

/// The peak resident memory of this process, if the operating system reports it (Linux).
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mut lines = status.lines();
    let kib = lines.find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = kib.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
