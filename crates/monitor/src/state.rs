//! The one state that the page shows. Its numbers come from the code that makes the report.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use messages::{EventTime, topics};
use observer::traffic::TopicTraffic;
use observer::watched::rows_of;
use observer::{DeadLetter, Observer};
use report::{
    Ledger, ModelHistory, Progress, Report, Sources, Standstill, Step as Passed, standstills,
};

use crate::outside::Outside;
use crate::queries::Queries;
use crate::service::Watching;
use crate::standing::{Seen, Standing};

/// How many of the newest fish the charts show.
const CHARTED: usize = 300;
/// Event time from its measurement in which a fish of a running pipeline may be stored.
const ON_THE_WAY: Duration = Duration::from_secs(60);

/// Event time that a step may take which waits for nothing, and the same by the wall clock.
const TAKES: Duration = Duration::from_secs(20);
/// For how long a topic must be quiet, by the wall clock, for its step to stand still: in a run faster
/// than the clock event time alone is soon gone.
const QUIET: Duration = Duration::from_secs(5);

/// The pipeline as it is now.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// When this was, by the wall clock.
    pub(crate) at: EventTime,
    /// Where it stands.
    pub(crate) standing: Standing,
    /// How far it is.
    pub(crate) progress: Progress,
    /// The report of the fish that are remembered, also of those on their way.
    pub(crate) report: Report,
    /// The same of the newest fish, without errors that cannot be drawn, for the charts.
    pub(crate) charted: Report,
    /// What fish lack that are not on their way any more.
    pub(crate) missing: Vec<String>,
    /// The steps of the pipeline.
    pub(crate) steps: Vec<Step>,
    /// Dead letters by topic.
    pub(crate) dead_letters: Vec<(String, u64)>,
    /// The newest dead letters.
    pub(crate) letters: Vec<DeadLetter>,
    /// What the topics do not tell.
    pub(crate) outside: Arc<Outside>,
}

/// A step that fish go through.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    /// Its name.
    pub(crate) name: &'static str,
    /// The topic on which its results are; none for the store.
    pub(crate) topic: Option<&'static str>,
    /// Fish that reached it; none where that is not looked at.
    pub(crate) fish: Option<u64>,
    /// Fish that reached the step before it, and not this one.
    pub(crate) waiting: Option<u64>,
    /// Its topic's traffic; none where the topic is not read yet.
    pub(crate) traffic: Option<TopicTraffic>,
}

impl State {
    /// The state of what is watched.
    pub(crate) fn of(watching: &Watching, outside: Arc<Outside>) -> Self {
        let observer = &watching.observer;
        let ledger: Ledger = observer.ledger().clone();
        let history = outside.history.clone();
        // Where no store is looked at, or it does not answer, a joined row counts as stored.
        let looked_at = outside.stored.as_ref();
        let looked_at = looked_at.filter(|answer| answer.failure.is_none());
        let looked_at = looked_at.and_then(|answer| answer.last.as_deref());
        let store = looked_at.is_some();
        let stored = looked_at
            .cloned()
            .unwrap_or_else(|| rows_of(&ledger.fish()));
        let report = report_of(&ledger, &history, &stored, watching);
        let progress = Progress::of(&ledger);
        let settled = ledger.without_those_on_their_way(&stored, ON_THE_WAY);
        let since = observer.history_until();
        let settled = match since {
            Some(since) => settled.measured_after(since),
            None => settled,
        };
        let missing = if settled.fish().is_empty() {
            Vec::new()
        } else {
            report::missing(&sources(&settled, &history, &stored, watching))
        };
        let standstill = standstill(&ledger, &stored, observer);
        let standing = Standing::of(Seen {
            report: &report,
            progress: &progress,
            standstill: standstill.as_ref(),
            unwritten: &unwritten(&outside),
            history_failure: outside.models.unknown(),
        });
        Self {
            at: EventTime::now(),
            standing,
            charted: charted(&report),
            steps: steps(&report, watching, store),
            dead_letters: ledger
                .dead_letters()
                .iter()
                .map(|(topic, count)| (topic.clone(), *count))
                .collect(),
            letters: observer.letters().newest(),
            progress,
            report,
            missing,
            outside,
        }
    }
}

/// The first step at which fish wait for longer than it takes. Before the topics were read to their
/// ends nothing can be said: one is read ahead of the others.
fn standstill(
    ledger: &Ledger,
    stored: &HashSet<String>,
    observer: &Observer,
) -> Option<Standstill> {
    if !observer.has_caught_up() {
        return None;
    }
    let now = Instant::now();
    let idle = |topic: &str| {
        let traffic = observer.traffic().of(topic, now);
        traffic.is_none_or(|traffic| traffic.idle >= QUIET)
    };
    standstills(ledger, stored).into_iter().find(|one| {
        let (most, last, next) = match one.step {
            Passed::Predicted => (
                TAKES,
                topics::MACHINE_MEASUREMENT,
                topics::WEIGHT_PREDICTION,
            ),
            // As long as the SQL waits for a weighing.
            Passed::Weighed => (
                ON_THE_WAY,
                topics::MACHINE_MEASUREMENT,
                topics::MACHINE_WEIGHT,
            ),
            Passed::Joined => (TAKES, topics::MACHINE_WEIGHT, topics::WEIGHT_DIFF),
            // What the store holds is known a little later.
            Passed::Stored => (ON_THE_WAY, topics::WEIGHT_DIFF, topics::WEIGHT_DIFF),
        };
        // Where fish keep coming, event time tells; where they do not, it stands still.
        let waits = one.waited > most && (one.step == Passed::Stored || idle(next));
        waits || (one.step != Passed::Weighed && gone_for(observer, last, now) >= most)
    })
}

/// For how long nothing has come on a topic.
fn gone_for(observer: &Observer, topic: &str, now: Instant) -> Duration {
    let traffic = observer.traffic().of(topic, now);
    traffic.map_or(Duration::ZERO, |traffic| traffic.idle)
}

/// The topics of the pipeline that no query writes, where the engine tells that.
fn unwritten(outside: &Outside) -> Vec<&'static str> {
    let queries = outside.queries.as_ref();
    let queries = queries.filter(|answer| answer.failure.is_none());
    let queries = queries.and_then(|answer| answer.last.as_deref());
    queries.map(Queries::unwritten).unwrap_or_default()
}

/// The newest fish. One whose error is none, which a record may say, does not take the chart away: it
/// is drawn as one without an error.
fn charted(report: &Report) -> Report {
    let mut charted = report.newest(CHARTED);
    for row in &mut charted.fish_rows {
        row.error = row.error.filter(|error| error.is_finite() && *error >= 0.0);
    }
    charted
}

fn sources<'a>(
    ledger: &'a Ledger,
    history: &'a ModelHistory,
    stored: &'a HashSet<String>,
    watching: &Watching,
) -> Sources<'a> {
    Sources {
        ledger,
        history,
        stored,
        planned: None,
        threshold: watching.rule.threshold,
        window: watching.rule.window,
        wall: Duration::ZERO,
        peak_memory_bytes: None,
        faults: Vec::new(),
    }
}

fn report_of(
    ledger: &Ledger,
    history: &ModelHistory,
    stored: &HashSet<String>,
    watching: &Watching,
) -> Report {
    report::build(&sources(ledger, history, stored, watching))
}

fn steps(report: &Report, watching: &Watching, store: bool) -> Vec<Step> {
    let now = Instant::now();
    let traffic = |topic: &str| watching.observer.traffic().of(topic, now);
    let fish = report.fish;
    let step = |name, topic: &'static str, fish: u64, before: Option<u64>| Step {
        name,
        topic: Some(topic),
        fish: Some(fish),
        waiting: before.map(|before| before.saturating_sub(fish)),
        traffic: traffic(topic),
    };
    let both = fish.predicted.min(fish.weighed);
    vec![
        step("measured", topics::MACHINE_MEASUREMENT, fish.measured, None),
        step(
            "predicted",
            topics::WEIGHT_PREDICTION,
            fish.predicted,
            Some(fish.measured),
        ),
        step(
            "weighed",
            topics::MACHINE_WEIGHT,
            fish.weighed,
            Some(fish.measured),
        ),
        step("joined", topics::WEIGHT_DIFF, fish.joined, Some(both)),
        Step {
            name: "stored",
            topic: None,
            fish: store.then_some(fish.stored),
            waiting: store.then(|| fish.joined.saturating_sub(fish.stored)),
            traffic: None,
        },
    ]
}
