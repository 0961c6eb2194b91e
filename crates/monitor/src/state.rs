//! The one state that the page shows. Its numbers come from the code that makes the report.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use messages::{EventTime, topics};
use observer::DeadLetter;
use observer::traffic::TopicTraffic;
use report::{Ledger, ModelHistory, Progress, Report, Sources};

use crate::outside::Outside;
use crate::service::Watching;
use crate::standing::Standing;

/// How many of the newest fish the charts show.
const CHARTED: usize = 300;
/// Event time from its measurement in which a fish of a running pipeline may be stored.
const ON_THE_WAY: Duration = Duration::from_secs(60);

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
        let history = outside.history.last.clone().unwrap_or_default();
        // Where no store is looked at, or it does not answer, a joined row counts as stored.
        let looked_at = outside.stored.as_ref();
        let looked_at = looked_at.filter(|_| outside.store_failure.is_none());
        let store = looked_at.is_some();
        let stored = looked_at.cloned().unwrap_or_else(|| joined(&ledger));
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
        Self {
            at: EventTime::now(),
            standing: Standing::of(&report, &progress),
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

/// The newest fish. One whose error is none, which a record may say, does not take the chart away: it
/// is drawn as one without an error.
fn charted(report: &Report) -> Report {
    let mut charted = report.newest(CHARTED);
    for row in &mut charted.fish_rows {
        row.error = row.error.filter(|error| error.is_finite() && *error >= 0.0);
    }
    charted
}

fn joined(ledger: &Ledger) -> HashSet<String> {
    let fish = ledger.fish();
    fish.iter()
        .flat_map(|(_, one)| one.row_ids.iter().cloned())
        .collect()
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
