//! A running pipeline as a whole: its topics, its model API and its store.

use std::time::Duration;

use pipeline::{Definition, TriggerRule};
use report::ledger::{StepCounts, Trigger};
use report::{ModelHistory, Report, Selection, Sources, Step, printable};
use tokio::time::{Instant, sleep, timeout};

use crate::model_api::ModelApi;
use crate::observer::Observer;
use crate::stored_rows::StoredRows;

/// The pause between two queries of the store and the model API.
const POLL: Duration = Duration::from_millis(100);
/// The pause after one of them did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// No progress for some time; the text names the stage, how far it is behind, and the last record that
/// passed it.
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
    /// Waits until every record is stored and every trigger decided on, and nothing new arrives for `quiet`
    /// or more records than those to wait for do. Waits for the `planned` number of records, or else for the
    /// records that the ledger [counts](report::Ledger::count_until).
    ///
    /// # Errors
    /// If there is no progress for `patience`. A store or model API that does not answer counts as no
    /// progress.
    pub async fn settled(
        &self,
        planned: Option<u64>,
        quiet: Duration,
        patience: Duration,
    ) -> Result<(), Stalled> {
        let mut changes = self.observer.changes();
        let (mut progress, mut since) = (None, Instant::now());
        let mut complete_since = None;
        let mut warned = Vec::new();
        loop {
            // Before the queries: a record that arrives meanwhile is a change.
            changes.borrow_and_update();
            let missing = self.missing(planned).await;
            let errors = match &missing {
                Missing::NoAnswer(errors) => errors.clone(),
                _ => Vec::new(),
            };
            if errors != warned {
                errors
                    .iter()
                    .for_each(|error| tracing::warn!("waiting: {error}"));
                warned = errors;
            }
            if missing == Missing::Nothing {
                let complete = *complete_since.get_or_insert_with(Instant::now);
                // The last rows may still lead to a trigger.
                if self.more_arrive(planned)
                    || complete.elapsed() >= patience
                    || timeout(quiet, changes.changed()).await.is_err()
                {
                    return Ok(());
                }
                continue;
            }
            complete_since = None;
            let now = Some((self.observer.ledger().steps(), missing.clone()));
            if progress != now {
                (progress, since) = (now, Instant::now());
            } else if since.elapsed() >= patience {
                return Err(self.stalled(patience, &missing));
            }
            sleep(if warned.is_empty() { POLL } else { RETRY }).await;
        }
    }

    /// Whether more records arrive than those to wait for.
    fn more_arrive(&self, planned: Option<u64>) -> bool {
        let ledger = self.observer.ledger();
        ledger.late() > 0 || planned.is_some_and(|planned| ledger.steps().joined > planned)
    }

    /// What is missing on the topics, else in the store, else in the history.
    async fn missing(&self, planned: Option<u64>) -> Missing {
        let pending = self.observer.ledger().pending(planned);
        if !pending.is_empty() {
            return Missing::Records(pending);
        }
        if let Err(error) = self.stored.check(&self.observer).await {
            return Missing::NoAnswer(vec![format!("cannot read the store: {error:#}")]);
        }
        let StepCounts { joined, stored, .. } = self.observer.ledger().steps();
        if joined > stored {
            return Missing::Rows(joined - stored);
        }
        match self.undecided().await {
            Ok(0) => Missing::Nothing,
            Ok(open) => Missing::Decisions(open),
            Err(error) => {
                Missing::NoAnswer(vec![format!("cannot read the model's history: {error:#}")])
            }
        }
    }

    /// The error after `patience` without progress.
    fn stalled(&self, after: Duration, missing: &Missing) -> Stalled {
        let missing = match missing {
            Missing::Nothing => self.all_accounted_for(),
            // The snapshot of the report has the reason.
            Missing::NoAnswer(_) => "no answer".to_owned(),
            Missing::Records(pending) => {
                let behind = Step::ALL.into_iter().find(|step| {
                    pending
                        .iter()
                        .any(|text| text.ends_with(step.name(self.definition())))
                });
                let pending = pending.join(", ");
                behind.map_or_else(
                    || pending.clone(),
                    |step| format!("{pending} ({})", self.last(step)),
                )
            }
            Missing::Rows(rows) => format!("{rows} rows not stored ({})", self.last(Step::Stored)),
            Missing::Decisions(open) => format!("{open} triggers without a decision"),
        };
        Stalled { after, missing }
    }

    /// Waits until every topic was read to the end that it had when the observer started.
    ///
    /// # Errors
    /// If no record arrives for `patience` before that.
    pub async fn caught_up(&self, patience: Duration) -> Result<(), Stalled> {
        let mut changes = self.observer.changes();
        let caught_up = self.observer.caught_up();
        tokio::pin!(caught_up);
        loop {
            tokio::select! {
                () = &mut caught_up => return Ok(()),
                changed = timeout(patience, changes.changed()) => if changed.is_err() {
                    return Err(Stalled {
                        after: patience,
                        missing: "the topics were not read to their ends".to_owned(),
                    });
                }
            }
        }
    }

    /// The error that no stage made progress for `after`: it names the one that is the furthest behind.
    pub fn no_progress(&self, after: Duration) -> Stalled {
        let steps = self.observer.ledger().steps();
        let missing = match steps.furthest_behind() {
            Some((step, count)) => format!(
                "{} not {} ({})",
                self.definition().counted(count),
                step.name(self.definition()),
                self.last(step)
            ),
            None => self.all_accounted_for(),
        };
        Stalled { after, missing }
    }

    fn definition(&self) -> &'static Definition {
        self.observer.definition()
    }

    fn all_accounted_for(&self) -> String {
        format!("every {} is accounted for", self.definition().record)
    }

    /// The last record that passed a step, in words.
    fn last(&self, step: Step) -> String {
        let definition = self.definition();
        let name = step.name(definition);
        match self.observer.ledger().last_passed(step) {
            Some(one) => format!("last {name}: {} {}", definition.record, printable(one.id())),
            None => format!("none was {name}"),
        }
    }

    /// How many triggers have no decision.
    ///
    /// # Errors
    /// If the model API does not answer.
    pub async fn undecided(&self) -> anyhow::Result<usize> {
        let history = self.model_api.history().await?;
        let ledger = self.observer.ledger();
        let open = |trigger: &&Trigger| !history.has_settled(&trigger.value);
        Ok(ledger.triggers().iter().filter(open).count())
    }

    /// Queries the model's history, with training rows, and which rows are stored. An error of one does
    /// not hide the other's answer.
    pub async fn snapshot(&self) -> Snapshot {
        let triggers = self.observer.ledger().triggers().to_vec();
        let history = self.model_api.history_of(&triggers);
        let (stored, history) = tokio::join!(self.stored.check(&self.observer), history);
        let mut errors = Vec::new();
        let stored =
            stored.map_err(|error| errors.push(format!("cannot read the store: {error:#}")));
        let history = history
            .map_err(|error| errors.push(format!("cannot read the model's history: {error:#}")));
        Snapshot {
            history: history.ok(),
            store_is_known: stored.is_ok(),
            errors,
        }
    }

    /// The report of the selected records, without its `record_rows`. The errors of the snapshot are added to
    /// `faults`.
    pub fn report(
        &self,
        selection: Selection,
        snapshot: &Snapshot,
        planned: Option<u64>,
        wall: Duration,
        mut faults: Vec<String>,
    ) -> Report {
        faults.extend(snapshot.errors.iter().cloned());
        let ledger = self.observer.ledger();
        report::summary(&Sources {
            history: snapshot.history.as_ref(),
            selection: snapshot.knowing_store(selection),
            planned,
            wall,
            peak_memory_bytes: peak_memory_bytes(),
            faults,
            mean_alone: self.rule.mean_alone,
            ..Sources::of(&ledger, self.rule.threshold, self.rule.window)
        })
    }
}

/// What a run still waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Missing {
    Nothing,
    /// Records on the topics, in words.
    Records(Vec<String>),
    /// The rows of this many records in the store.
    Rows(u64),
    /// The decisions on this many triggers.
    Decisions(usize),
    /// Store or model API did not answer, for these reasons.
    NoAnswer(Vec<String>),
}

/// The state of the store and of the model's history at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The model's versions and decisions; `None` if the model API did not answer.
    pub history: Option<ModelHistory>,
    /// Whether the store answered: the ledger then knows which rows it has.
    pub store_is_known: bool,
    /// Why one of them is unknown.
    pub errors: Vec<String>,
}

impl Snapshot {
    /// The selection, including which rows the store has.
    pub fn knowing_store(&self, selection: Selection) -> Selection {
        Selection {
            store_is_known: self.store_is_known,
            ..selection
        }
    }
}

/// The peak resident memory of this process, if the operating system reports it (Linux).
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mut lines = status.lines();
    let kib = lines.find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = kib.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
