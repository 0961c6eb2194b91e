//! The state that the page shows. All numbers come from `report`.
//!
//! | module | what is in it |
//! |---|---|
//! | `stalled` | which step has made no progress for too long |
//! | `status` | the headline: a condition and a sentence |

mod stalled;
mod status;

use std::sync::Arc;
use std::time::Instant;

use observer::{DeadLetter, Observer, TopicTraffic};
use pipeline::EventTime;
use report::{Ledger, ModelHistory, Progress, Report, Selection, Sources};

use crate::collect::{Collected, Polled, StoreSnapshot, WatchedPipeline};
use stalled::{STEP_TIME, STORE_TIME, stalled};
use status::Inputs;
pub(crate) use status::{Status, date_and_clock};

/// Number of newest records that the page is about: its cost does not depend on the length of a run.
const SHOWN: usize = 2_000;
/// Number of newest records in the charts.
const CHARTED: usize = 300;

/// The pipeline at one moment.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// When, by the wall clock.
    pub(crate) at: EventTime,
    pub(crate) status: Status,
    pub(crate) progress: Progress,
    /// The report on the newest records, stored or not.
    pub(crate) report: Report,
    /// The report of the newest records, for the charts.
    pub(crate) charted: Report,
    /// What is missing of records that should be stored by now, one sentence each.
    pub(crate) missing: Vec<String>,
    pub(crate) steps: Vec<Step>,
    /// Number of dead letters by topic.
    pub(crate) dead_letters: Vec<(String, u64)>,
    /// The newest dead letters.
    pub(crate) newest_dead_letters: Vec<DeadLetter>,
    pub(crate) collected: Arc<Collected>,
}

/// A step of the pipeline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// The topic with its results; `None` for the store.
    pub(crate) topic: Option<&'static str>,
    /// Records that reached it; `None` if unknown.
    pub(crate) records: Option<u64>,
    /// Records that reached the previous step, but not this one.
    pub(crate) waiting: Option<u64>,
    /// Its topic's traffic; `None` before the topic is read.
    pub(crate) traffic: Option<TopicTraffic>,
}

impl State {
    pub(crate) fn of(pipeline: &WatchedPipeline, collected: Arc<Collected>) -> Self {
        let observer = &pipeline.observer;
        let ledger = observer.ledger().newest(SHOWN);
        let history = collected.history.clone();
        let snapshot = collected.stored.as_ref().and_then(Polled::current);
        let all = Selection {
            store_is_known: snapshot.is_some(),
            ..Selection::default()
        };
        let report = report::build(&sources(&ledger, all, &history, pipeline));
        let progress = Progress::of(&ledger);
        let missing = settled(&ledger, all, observer)
            .filter(|settled| !ledger.selected(settled).is_empty())
            .map(|settled| report::missing(&sources(&ledger, settled, &history, pipeline)));
        let queries = collected.queries.as_ref().and_then(Polled::current);
        let status = Status::of(Inputs {
            report: &report,
            progress: &progress,
            standstill: stalled(&ledger, snapshot, observer).as_ref(),
            unwritten: &queries
                .map(|queries| queries.unwritten(&observer.definition().topics))
                .unwrap_or_default(),
            history_failure: collected.models.why_unknown(),
        });
        let dead_letters = ledger.dead_letters().iter();
        Self {
            at: EventTime::now(),
            status,
            charted: charted(&report),
            steps: steps(&report, &ledger, pipeline, snapshot),
            dead_letters: dead_letters
                .map(|(topic, count)| (topic.clone(), *count))
                .collect(),
            newest_dead_letters: observer.dead_letters().newest(),
            progress,
            report,
            missing: missing.unwrap_or_default(),
            collected,
        }
    }
}

/// The records that had enough time to be stored, by event time and by the wall clock, and whose rows the
/// store was queried for. Records from before the monitor's start do not count: it may not have read
/// all records of theirs.
fn settled(ledger: &Ledger, all: Selection, observer: &Observer) -> Option<Selection> {
    let clock = observer.event_clock();
    let reached = observer
        .definition()
        .topics
        .all()
        .map(|topic| clock.reached(topic, STEP_TIME));
    let settled = Selection {
        until: Some(reached.into_iter().max()??),
        after: observer.history_until(),
        rows_are_known: all.store_is_known,
        ..all
    };
    Some(settled.without_in_flight(ledger, STORE_TIME))
}

/// The newest records. A record with an invalid error is drawn without one, so that the chart can be drawn.
fn charted(report: &Report) -> Report {
    let mut charted = report.newest(CHARTED);
    for row in &mut charted.record_rows {
        row.error = row.error.filter(|error| error.is_finite() && *error >= 0.0);
    }
    charted
}

fn sources<'a>(
    ledger: &'a Ledger,
    selection: Selection,
    history: &'a ModelHistory,
    pipeline: &WatchedPipeline,
) -> Sources<'a> {
    Sources {
        history: Some(history),
        selection,
        mean_alone: pipeline.rule.mean_alone,
        ..Sources::of(ledger, pipeline.rule.threshold, pipeline.rule.window)
    }
}

fn steps(
    report: &Report,
    ledger: &Ledger,
    pipeline: &WatchedPipeline,
    snapshot: Option<&StoreSnapshot>,
) -> Vec<Step> {
    let now = Instant::now();
    let counts = report.records;
    let definition = report.definition;
    let topics = &definition.topics;
    let step = |name, topic: &'static str, records: u64, before: Option<u64>| Step {
        name,
        topic: Some(topic),
        records: Some(records),
        waiting: before.map(|before| before.saturating_sub(records)),
        traffic: pipeline.observer.traffic().of(topic, now),
    };
    let measured = Some(counts.measured);
    let both = Some(counts.predicted.min(counts.weighed));
    vec![
        step("measured", &topics.measured, counts.measured, None),
        step("predicted", &topics.predicted, counts.predicted, measured),
        step(
            &definition.actual_step,
            &topics.actual,
            counts.weighed,
            measured,
        ),
        step("joined", &topics.rows, counts.joined, both),
        Step {
            name: "stored",
            topic: None,
            records: counts.stored,
            waiting: snapshot.map(|_| {
                let records = ledger.newest_first();
                let missing = records.filter(|one| one.is_stored() == Some(false));
                missing.count() as u64
            }),
            traffic: None,
        },
    ]
}
