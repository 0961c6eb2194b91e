//! At `--speed max` thousands of fish are on their way, and a new model would come thousands of fish too
//! late. So the live model predicts the next fish before the machines measure them, which shows the next
//! window that triggers a retraining. The producer stops with the weighing that closes this window, until
//! the trigger is decided on: the new model answers from the same fish on as it would in real time.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use fish_producer::{Fish, Simulation};
use observer::PipelineView;
use pipeline::EventTime;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::AHEAD;

/// How many fish are predicted in one call.
const CHUNK: usize = 1_000;
/// A window does not trigger if nothing arrives for this long after its end. On a busy machine the stages pause
/// for seconds.
const QUIET: Duration = Duration::from_secs(8);
/// The pause before the next fish are predicted again after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// How long to wait for the decision on a trigger.
const UNDECIDED: Duration = Duration::from_secs(30);
/// The pause between two looks at the ledger or the model API.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks ahead of the producer.
pub(super) struct Forecast {
    view: PipelineView,
    fish: Simulation,
    /// The number of the next fish, from 0.
    next: u64,
    /// The fish from `next` on that the live model has predicted, with their errors.
    predicted: VecDeque<(Fish, Option<f64>)>,
    /// The version that predicted them.
    version: Option<String>,
    /// Fish measured until this time were predicted by an earlier version.
    since: Option<EventTime>,
    /// Sum of the errors and number of fish of each open window of the live version, by start.
    windows: BTreeMap<EventTime, (f64, u32)>,
}

/// An answer of `POST /predictions` for one fish.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    weight: Option<f64>,
    model_version: Option<String>,
}

impl Forecast {
    pub(super) fn new(view: &PipelineView, fish: &Simulation) -> Self {
        Self {
            view: view.clone(),
            fish: fish.clone(),
            next: 0,
            predicted: VecDeque::new(),
            version: None,
            since: None,
            windows: BTreeMap::new(),
        }
    }

    /// Moves the time until which the producer may write; `None` is the end of the plan.
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
            let Some((fish, error)) = self.predicted.pop_front() else {
                until(None);
                return std::future::pending().await;
            };
            if self.closes_a_trigger(fish.weighed_at) {
                // Before the window can trigger, all earlier rows are stored, as they are in real time.
                until(Some(fish.weighed_at.before(Duration::from_millis(1))));
                self.stored(self.next).await;
                let triggers = self.triggers();
                until(Some(fish.weighed_at));
                self.decided(triggers).await;
                self.note_live_version(fish.weighed_at).await;
            } else if self.predicted.is_empty() {
                until(Some(fish.weighed_at));
            }
            self.next += 1;
            self.count(&fish, error);
        }
    }

    /// Waits until the producer is close to the next fish: there is no need to look further ahead.
    async fn near_the_producer(&self) {
        let mut changes = self.view.observer.changes();
        let near = |_: &u64| self.view.observer.ledger().all_steps().measured + AHEAD >= self.next;
        // Cannot fail: `self` keeps the sender alive.
        let _ = changes.wait_for(near).await;
    }

    /// Predicts the next fish.
    async fn predict(&mut self) -> anyhow::Result<()> {
        let fish: Vec<_> = self.fish.fish_from(self.next).take(CHUNK).collect();
        if fish.is_empty() {
            return Ok(());
        }
        let rows = fish.iter().map(
            |one| json!({"length": one.length_cm, "height": one.height_cm, "species": one.species}),
        );
        let rows: Vec<_> = rows.collect();
        let answers: Vec<Answer> = self.view.model_api.post("/predictions", &rows).await?;
        anyhow::ensure!(
            answers.len() == fish.len(),
            "{} answers for {} rows",
            answers.len(),
            fish.len()
        );
        let version = answers.iter().find_map(|one| one.model_version.clone());
        if version != self.version {
            self.windows.clear();
            self.version = version;
        }
        let errors = answers.iter().zip(&fish).map(|(answer, fish)| {
            let error = (answer.weight? - fish.weight_kg).abs() / fish.weight_kg;
            // As the SQL rounds it.
            Some((error * 1_000.0).round() / 1_000.0)
        });
        let errors: Vec<_> = errors.collect();
        self.predicted = fish.into_iter().zip(errors).collect();
        Ok(())
    }

    /// Removes the windows that a weighing closes; whether one of them triggers.
    fn closes_a_trigger(&mut self, weighed_at: EventTime) -> bool {
        let rule = self.view.rule;
        let mut triggers = false;
        while let Some(first) = self.windows.first_entry() {
            if first.key().after(rule.window + rule.grace) > weighed_at {
                break;
            }
            let (sum, fish) = first.remove();
            triggers |= sum / f64::from(fish) > rule.threshold;
        }
        triggers
    }

    /// Adds a fish to its window.
    fn count(&mut self, fish: &Fish, error: Option<f64>) {
        let of_earlier_version = self.since.is_some_and(|since| fish.measured_at <= since);
        let Some(error) = error.filter(|_| !of_earlier_version) else {
            return;
        };
        let size = i64::try_from(self.view.rule.window.as_millis()).unwrap_or(i64::MAX);
        let into = fish.weighed_at.as_millis().rem_euclid(size.max(1));
        let start = fish
            .weighed_at
            .before(Duration::from_millis(into.unsigned_abs()));
        let (sum, count) = self.windows.entry(start).or_default();
        (*sum, *count) = (*sum + error, *count + 1);
    }

    /// Waits until this many fish are stored, or nothing arrives any more.
    async fn stored(&self, fish: u64) {
        let mut changes = self.view.observer.changes();
        let is_stored = || {
            let ledger = self.view.observer.ledger();
            let lost: u64 = ledger.dead_letters().values().sum();
            ledger.all_steps().stored + lost >= fish
        };
        let mut quiet_since = Instant::now();
        while !is_stored() && quiet_since.elapsed() < QUIET {
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
        // A window with too few fish does not trigger.
        while self.triggers() == before {
            if timeout(QUIET, changes.changed()).await.is_err() {
                break;
            }
        }
        let began = Instant::now();
        while began.elapsed() < UNDECIDED {
            match self.view.undecided().await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => tracing::debug!("cannot read the decisions: {error:#}; retrying"),
            }
            sleep(PAUSE).await;
        }
        tracing::warn!(
            "a trigger has no decision after {} s; the fish go on",
            UNDECIDED.as_secs()
        );
    }

    /// If another version went live, discards what the earlier one predicted of the fish measured after
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
