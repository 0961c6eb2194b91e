//! The one state that the page shows. Its numbers come from the code that makes the report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use observer::TopicTraffic;
use observer::{DeadLetter, Observer};
use pipeline::{EventTime, topics};
use report::{Ledger, ModelHistory, Progress, Report, Sources};

use crate::asked::Answer;
use crate::look::Look;
use crate::outside::Outside;
use crate::queries::Queries;
use crate::service::Watching;
use crate::stalled::{TAKES, stalled};
use crate::standing::{Seen, Standing};

/// How many of the newest fish the charts show.
const CHARTED: usize = 300;
/// Event time from its measurement in which a fish of a running pipeline may be stored.
pub(crate) const ON_THE_WAY: Duration = Duration::from_secs(60);

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
        let look = outside.stored.as_ref().and_then(Answer::known);
        let report = report::build(&sources(&ledger, &history, look, watching));
        let progress = Progress::of(&ledger);
        let settled = settled(&ledger, look, observer);
        let missing = settled.map(|fish| missing(&fish, &history, look, watching));
        let standstill = stalled(&ledger, look, observer);
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
            steps: steps(&report, &ledger, watching, look),
            dead_letters: ledger
                .dead_letters()
                .iter()
                .map(|(topic, count)| (topic.clone(), *count))
                .collect(),
            letters: observer.dead_letters().newest(),
            progress,
            report,
            missing: missing.unwrap_or_default(),
            outside,
        }
    }
}

/// The fish that have had time to be stored, by event time and by the wall clock, and are known to be
/// or not to be. Of those that were on the topics before not everything need have been seen.
fn settled(ledger: &Ledger, look: Option<&Look>, observer: &Observer) -> Option<Ledger> {
    let clock = observer.event_clock();
    let reached = topics::ALL.map(|topic| clock.reached(topic, TAKES));
    let settled = ledger
        .without_in_flight(look.map(|look| &look.found), ON_THE_WAY)
        .measured_until(reached.into_iter().max()??)
        .with_fish(|fish| look.is_none_or(|look| look.was_for(fish)));
    Some(match observer.history_until() {
        Some(since) => settled.measured_after(since),
        None => settled,
    })
}

fn missing(
    settled: &Ledger,
    history: &ModelHistory,
    look: Option<&Look>,
    watching: &Watching,
) -> Vec<String> {
    if settled.fish().is_empty() {
        return Vec::new();
    }
    report::missing(&sources(settled, history, look, watching))
}

/// The topics of the pipeline that no query writes, where the engine tells that.
fn unwritten(outside: &Outside) -> Vec<&'static str> {
    let queries = outside.queries.as_ref();
    let queries = queries.and_then(Answer::known);
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
    look: Option<&'a Look>,
    watching: &Watching,
) -> Sources<'a> {
    Sources {
        history: Some(history),
        stored: look.map(|look| &look.found),
        ..Sources::of(ledger, watching.rule.threshold, watching.rule.window)
    }
}

fn steps(report: &Report, ledger: &Ledger, watching: &Watching, look: Option<&Look>) -> Vec<Step> {
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
            fish: fish.stored,
            waiting: look.map(|look| {
                let fish = ledger.fish();
                fish.iter().filter(|(_, one)| look.lacks(one)).count() as u64
            }),
            traffic: None,
        },
    ]
}
