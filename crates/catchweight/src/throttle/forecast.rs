//! At `--speed max` thousands of records are on their way, and a new model would come thousands of records too
//! late. So the live model predicts the next records before they are sent, which shows the next window that
//! triggers a retraining. The producer stops with the actual value that closes this window, until the trigger is
//! decided on: the new model answers from the same record on as it would in real time.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use observer::PipelineView;
use pipeline::{Definition, EventTime, TriggerRule};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, timeout};

use super::AHEAD;
use super::upcoming::{Records, Source, Upcoming};

/// How many records are predicted in one call.
const CHUNK: usize = 1_000;
/// A window does not trigger if nothing arrives for this long after its end. On a busy machine the stages pause
/// for seconds.
const QUIET: Duration = Duration::from_secs(8);
/// The pause before the next records are predicted again after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// How long to wait for the decision on a trigger.
const UNDECIDED: Duration = Duration::from_secs(30);
/// The pause between two looks at the ledger or the model API.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks ahead of the producer.
pub(super) struct Forecast {
    view: PipelineView,
    records: Records,
    /// How many records are past: their windows have counted them.
    past: u64,
    /// How many of them the SQL joins.
    joined: u64,
    /// The next records.
    next: VecDeque<Upcoming>,
    /// What the live model predicts of the first of them; `None` for a record that it cannot predict.
    predicted: VecDeque<Option<Expected>>,
    /// The version that predicted them.
    version: Option<String>,
    /// Records measured until this time were predicted by an earlier version.
    since: Option<EventTime>,
    /// Each open window of the live version, by start.
    windows: BTreeMap<EventTime, Window>,
}

/// A prediction of a record that has not been sent.
#[derive(Clone, Copy, Debug)]
struct Expected {
    error: f64,
    /// Whether the model has not seen a level of the record.
    is_unseen: bool,
}

/// An open window.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    error_sum: f64,
    records: u64,
    unseen: u64,
}

impl Window {
    /// Whether it triggers when it closes.
    fn triggers(self, rule: TriggerRule) -> bool {
        let mean = self.error_sum / self.records as f64;
        let is_high = self.records >= rule.at_least && mean > rule.threshold;
        is_high || rule.unseen.is_some_and(|least| self.unseen >= least)
    }
}

impl Forecast {
    pub(super) fn new(view: &PipelineView, source: Source) -> Self {
        Self {
            view: view.clone(),
            records: Records::new(view.observer.definition(), source),
            past: 0,
            joined: 0,
            next: VecDeque::new(),
            predicted: VecDeque::new(),
            version: None,
            since: None,
            windows: BTreeMap::new(),
        }
    }

    /// Moves the time until which the producer may write; `None` is the end of its records.
    pub(super) async fn run(mut self, until: impl Fn(Option<EventTime>)) -> Infallible {
        loop {
            if self.predicted.is_empty() {
                self.near_the_producer().await;
                if let Err(error) = self.predict().await {
                    tracing::debug!("cannot look ahead: {error:#}; retrying");
                    sleep(RETRY).await;
                    continue;
                }
            }
            let (Some(record), Some(expected)) =
                (self.next.pop_front(), self.predicted.pop_front())
            else {
                until(None);
                return std::future::pending().await;
            };
            if self.closes_with_trigger(record.actual_at) {
                // Before the window closes, all its rows are stored, as they are in real time.
                until(Some(record.actual_at.before(Duration::from_millis(1))));
                self.stored().await;
                let triggers = self.triggers();
                until(Some(record.actual_at));
                self.decided(triggers).await;
                self.note_live_version(record.actual_at).await;
            } else if self.predicted.is_empty() {
                until(Some(record.actual_at));
            }
            self.past += 1;
            self.count(&record, expected);
        }
    }

    fn definition(&self) -> &'static Definition {
        self.view.observer.definition()
    }

    /// Waits until the producer is close to the next record: there is no need to look further ahead.
    async fn near_the_producer(&self) {
        let mut changes = self.view.observer.changes();
        let near = |_: &u64| self.view.observer.ledger().all_steps().measured + AHEAD >= self.past;
        // Cannot fail: `self` keeps the sender alive.
        let _ = changes.wait_for(near).await;
    }

    /// Predicts the next records.
    async fn predict(&mut self) -> anyhow::Result<()> {
        while self.next.len() < CHUNK {
            let Some(record) = self.records.next() else {
                break;
            };
            self.next.push_back(record?);
        }
        if self.next.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = self.next.iter().map(|record| &record.inputs).collect();
        let answers: Vec<Map<String, Value>> =
            self.view.model_api.post("/predictions", &rows).await?;
        anyhow::ensure!(
            answers.len() == rows.len(),
            "{} answers for {} rows",
            answers.len(),
            rows.len()
        );
        let version =
            |answer: &Map<_, Value>| Some(answer.get("ModelVersion")?.as_str()?.to_owned());
        let version = answers.iter().find_map(version);
        if version != self.version {
            self.windows.clear();
            self.version = version;
        }
        let definition = self.definition();
        let predicted = answers.iter().zip(&self.next).map(|(answer, record)| {
            let value = answer.get(&definition.target().field)?.as_f64()?;
            Some(Expected {
                error: record.error(definition.error, value)?,
                is_unseen: definition.is_unseen(answer),
            })
        });
        self.predicted = predicted.collect();
        Ok(())
    }

    /// Removes the windows that an actual value closes, and whether one of them triggers.
    fn closes_with_trigger(&mut self, actual_at: EventTime) -> bool {
        let rule = self.view.rule;
        let mut triggers = false;
        while let Some(first) = self.windows.first_entry() {
            if first.key().after(rule.window + rule.grace) > actual_at {
                break;
            }
            triggers |= first.remove().triggers(rule);
        }
        triggers
    }

    /// Adds a record to its window, if the SQL joins it.
    fn count(&mut self, record: &Upcoming, expected: Option<Expected>) {
        if !record.is_joined(self.view.rule, self.definition().error) {
            return;
        }
        self.joined += 1;
        let of_earlier_version = self.since.is_some_and(|since| record.measured_at <= since);
        let Some(expected) = expected.filter(|_| !of_earlier_version) else {
            return;
        };
        let size = i64::try_from(self.view.rule.window.as_millis()).unwrap_or(i64::MAX);
        let into = record.actual_at.as_millis().rem_euclid(size.max(1));
        let start = record
            .actual_at
            .before(Duration::from_millis(into.unsigned_abs()));
        let window = self.windows.entry(start).or_default();
        window.error_sum += expected.error;
        window.records += 1;
        window.unseen += u64::from(expected.is_unseen);
    }

    /// Waits until the records that the SQL joins are stored, or nothing arrives any more: then it no longer
    /// expects those that are missing.
    async fn stored(&mut self) {
        let mut changes = self.view.observer.changes();
        let mut quiet_since = Instant::now();
        loop {
            let stored = {
                let ledger = self.view.observer.ledger();
                let lost: u64 = ledger.dead_letters().values().sum();
                ledger.all_steps().stored + lost
            };
            if stored >= self.joined {
                return;
            }
            if quiet_since.elapsed() >= QUIET {
                self.joined = stored;
                return;
            }
            if changes.has_changed().unwrap_or_default() {
                changes.borrow_and_update();
                quiet_since = Instant::now();
            }
            sleep(PAUSE).await;
        }
    }

    fn triggers(&self) -> usize {
        self.view.observer.ledger().triggers().len()
    }

    /// Waits for the trigger of the window that has closed, given the number of earlier triggers, and until
    /// every trigger is decided on.
    async fn decided(&self, before: usize) {
        let mut changes = self.view.observer.changes();
        while self.triggers() == before {
            if timeout(QUIET, changes.changed()).await.is_err() {
                break;
            }
        }
        let began = Instant::now();
        while began.elapsed() < UNDECIDED {
            let asked = Instant::now();
            match self.view.undecided().await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => tracing::debug!("cannot read the decisions: {error:#}; retrying"),
            }
            // The history may be long. It is read at most half of the time.
            sleep(PAUSE.max(asked.elapsed())).await;
        }
        tracing::warn!(
            "a trigger has no decision after {} s; the {} go on",
            UNDECIDED.as_secs(),
            self.definition().records
        );
    }

    /// If another version went live, discards what the earlier one predicted of the records measured after
    /// `at`.
    async fn note_live_version(&mut self, at: EventTime) {
        match self.view.model_api.live_model().await {
            Ok(live) if Some(&live.model_version) == self.version.as_ref() => {}
            Ok(live) => {
                self.version = Some(live.model_version);
                self.since = Some(at);
                self.windows.clear();
                self.predicted.clear();
            }
            // The next answers name the version.
            Err(error) => tracing::debug!("cannot read the live model: {error:#}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_triggers_by_its_errors_or_its_unseen_levels() {
        let rule = |unseen| TriggerRule {
            threshold: 0.1,
            mean_alone: true,
            at_least: 5,
            unseen,
            window: Duration::from_secs(60),
            grace: Duration::ZERO,
            within: None,
        };
        let window = |error: f64, records: u64, unseen: u64| Window {
            error_sum: error * records as f64,
            records,
            unseen,
        };
        for (window, unseen, expected) in [
            (window(0.2, 5, 0), None, true),
            (window(0.2, 4, 0), None, false),
            (window(0.05, 5, 0), None, false),
            (window(0.01, 9, 3), None, false),
            (window(0.01, 9, 2), Some(3), false),
            (window(0.01, 3, 3), Some(3), true),
        ] {
            assert_eq!(window.triggers(rule(unseen)), expected, "{window:?}");
        }
    }
}
