//! Builds the report from the ledger and the model's history.

use std::collections::HashSet;
use std::time::Duration;

use pipeline::{Definition, EventTime, TriggerRecord};

use crate::accounting::{counts, unaccounted};
use crate::cause::{self, JoinedRecords};
use crate::drift::{Alarm, Episode, RECOVERED_RUN, Scored, episodes, unjudged};
use crate::history::{ModelHistory, Outcome};
use crate::ledger::{Account, Ledger, Selection, Trigger};
use crate::phases::phases;
use crate::report::{RecordRow, Report, Retraining, Verdict};
use crate::text::error_text;

/// The input of a report.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// The records of the topics.
    pub ledger: &'a Ledger,
    /// The model's versions and decisions; `None` if unknown.
    pub history: Option<&'a ModelHistory>,
    /// Which records the report is about, and whether it is known which rows are stored.
    pub selection: Selection,
    /// How many records were planned, if known.
    pub planned: Option<u64>,
    /// The mean error above which a window triggers.
    pub threshold: f64,
    /// Whether every window above it triggers that has enough records.
    pub mean_alone: bool,
    /// The size of the trigger's window.
    pub window: Duration,
    /// Duration of the run by the wall clock.
    pub wall: Duration,
    /// The peak resident memory of the process.
    pub peak_memory_bytes: Option<u64>,
    /// Problems that the topics do not show, such as a timeout. Each one makes the verdict `failed`.
    pub faults: Vec<String>,
}

impl<'a> Sources<'a> {
    /// Only the records of the topics, with the trigger's threshold and window.
    pub fn of(ledger: &'a Ledger, threshold: f64, window: Duration) -> Self {
        Self {
            ledger,
            history: None,
            selection: Selection::default(),
            planned: None,
            threshold,
            mean_alone: true,
            window,
            wall: Duration::ZERO,
            peak_memory_bytes: None,
            faults: Vec::new(),
        }
    }

    /// The selected records, in order of measurement.
    pub(crate) fn records(&self) -> Vec<&'a Account> {
        self.ledger.selected(&self.selection)
    }
}

/// Builds the report of a run.
pub fn build(sources: &Sources<'_>) -> Report {
    Report {
        record_rows: record_rows(sources.ledger, &sources.selection).collect(),
        ..summary(sources)
    }
}

/// The report of a run without its `record_rows`, which are the larger part if there are many records.
/// [`record_rows`] and [`write_json`](crate::write_json) have them.
pub fn summary(sources: &Sources<'_>) -> Report {
    let records = sources.records();
    // The joined records, and what the drift search needs from them.
    let scored = records.iter().filter_map(|one| {
        let scored = Scored {
            weighed: one.measured().and(one.weighed())?,
            error: one.error()?,
            version: one.model_version()?,
        };
        Some((*one, scored))
    });
    let (scored_records, scored): (Vec<&Account>, Vec<Scored<'_>>) = scored.unzip();
    let triggers = sources.ledger.triggers();
    let alarms: Vec<_> = triggers
        .iter()
        .map(|trigger| Alarm {
            start: trigger.window_start,
            end: trigger.window_start.after(sources.window),
            erring_version: &trigger.value.model_version,
        })
        .collect();
    let unknown = ModelHistory::default();
    let history = sources.history.unwrap_or(&unknown);
    let threshold = sources.threshold;
    let drifts = episodes(&scored, &alarms, &history.activations(), threshold);
    let unjudged = match sources.mean_alone {
        true => unjudged(&scored, &drifts, &alarms, sources.window, threshold),
        false => Vec::new(),
    };

    let joined = if triggers.is_empty() {
        JoinedRecords::of(&[])
    } else {
        JoinedRecords::of(&records)
    };
    let mut retrainings: Vec<_> = triggers
        .iter()
        .map(|trigger| retraining(trigger, &joined, history, sources))
        .collect();
    for drift in &drifts {
        mark_recovery(drift, &scored_records, &records, &mut retrainings);
    }
    let open = drifts.iter().filter(|one| one.first_recovered.is_none());
    let open: Vec<&Account> = open
        .filter_map(|drift| scored_records.get(drift.first_drifted).copied())
        .collect();

    let mut reasons = sources.faults.clone();
    reasons.extend(unaccounted(&records, sources));
    reasons.extend(open.iter().map(|first| open_drift(first, sources)));
    reasons.extend(
        unjudged
            .iter()
            .filter_map(|stretch| unjudged_stretch(&scored_records, *stretch, sources)),
    );
    reasons.extend(unreadable_triggers(sources.ledger));
    if drifts.is_empty() && sources.history.is_some() {
        reasons.extend(unexplained_version(
            sources.ledger.definition(),
            &scored_records,
            &retrainings,
            history,
        ));
    }
    let verdict = match (reasons.is_empty(), drifts.is_empty()) {
        (false, _) => Verdict::Failed,
        (true, false) => Verdict::Recovered,
        (true, true) => Verdict::Steady,
    };
    let recovered_at = drifts.last().and_then(|drift| drift.first_recovered);
    let mean_error_after_recovery = recovered_at
        .and_then(|from| scored.get(from..))
        .and_then(|recovered| mean(recovered.iter().map(|one| one.error)));
    Report {
        definition: sources.ledger.definition(),
        verdict,
        reasons,
        threshold,
        records: counts(&records, sources),
        phases: phases(
            records
                .iter()
                .copied()
                .filter(|one| one.measured().is_some()),
        ),
        retrainings,
        open_drift: open.first().map(|first| first.id().to_owned()),
        mean_error_after_recovery,
        wall_seconds: sources.wall.as_secs_f64(),
        first_prediction_seconds: None,
        peak_memory_bytes: sources.peak_memory_bytes,
        record_rows: Vec::new(),
    }
}

fn open_drift(first: &Account, sources: &Sources<'_>) -> String {
    let definition = sources.ledger.definition();
    let group = match definition.group() {
        Some(_) => format!(" ({})", first.group().unwrap_or_default()),
        None => String::new(),
    };
    let drift = format!(
        "the drift that began at {} {}{group}",
        definition.record,
        first.id()
    );
    if sources.history.is_some() {
        let run = definition.counted(RECOVERED_RUN as u64);
        format!(
            "{drift} did not end: no newer model version predicted {run} in a row with a mean error below \
             the threshold"
        )
    } else {
        format!("cannot tell whether {drift} ended: the model versions are unknown")
    }
}

fn unjudged_stretch(
    records: &[&Account],
    (first, last): (usize, usize),
    sources: &Sources<'_>,
) -> Option<String> {
    let definition = sources.ledger.definition();
    let stretch = records.get(first..=last)?;
    let error = mean(stretch.iter().filter_map(|one| one.error()));
    let records = &definition.records;
    Some(format!(
        "{records} {} to {} had a mean error of {}, above the threshold of {}, but no window triggered: too \
         few {records} per window, or the window did not close",
        stretch.first()?.id(),
        stretch.last()?.id(),
        error_text(definition, error),
        error_text(definition, Some(sources.threshold)),
    ))
}

fn unreadable_triggers(ledger: &Ledger) -> Option<String> {
    let topic = &ledger.definition().topics.trigger;
    let count = ledger.unreadable().get(topic)?;
    Some(format!(
        "{count} unreadable on {topic}: triggers may be missing"
    ))
}

/// The first model version that replaced another one without an activated retraining or refinement.
fn unexplained_version(
    definition: &Definition,
    records: &[&Account],
    retrainings: &[Retraining],
    history: &ModelHistory,
) -> Option<String> {
    let (first, later) = records.split_first()?;
    let activated = retrainings
        .iter()
        .filter(|one| one.outcome.as_deref() == Some("activated"));
    let refined = history.decisions.iter().filter(|one| one.is_refinement);
    let refined = refined.map(|one| Some(one.version.as_str()));
    let explained: HashSet<_> = activated
        .map(|one| one.version.as_deref())
        .chain(refined)
        .collect();
    let changed = later.iter().find(|one| {
        one.model_version() != first.model_version() && !explained.contains(&one.model_version())
    })?;
    Some(format!(
        "the model version changed to {} at {} {} without a trigger",
        changed.model_version().unwrap_or_default(),
        definition.record,
        changed.id()
    ))
}

pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// A row for each selected records that was measured, in order of measurement.
pub fn record_rows<'a>(
    ledger: &'a Ledger,
    selection: &Selection,
) -> impl Iterator<Item = RecordRow> + 'a {
    ledger
        .selected(selection)
        .into_iter()
        .filter_map(RecordRow::of)
}

fn retraining(
    trigger: &Trigger,
    joined: &JoinedRecords<'_>,
    history: &ModelHistory,
    sources: &Sources<'_>,
) -> Retraining {
    let window = sources.window;
    let decision = history.decision_for(&trigger.value);
    let trained = decision.filter(|decision| decision.has_trained());
    let version = trained.and_then(|decision| history.version(&decision.version));
    let TriggerRecord {
        model_version,
        groups,
        first_key,
        last_key,
        error_avg,
        ..
    } = trigger.value.clone();
    let outcome = match decision {
        Some(decision) => Some(decision.outcome.clone()),
        None => history
            .is_superseded(&model_version)
            .then_some(Outcome::Superseded),
    };
    // The SQL names the first and last record by arrival, which may differ from event time.
    let weighed = |id: &str| sources.ledger.get(id)?.joined();
    let reversed = weighed(&first_key)
        .zip(weighed(&last_key))
        .is_some_and(|(start, end)| end < start);
    let (first_key, last_key) = match joined.ends(trigger, window) {
        Some((first, last)) => (first.to_owned(), last.to_owned()),
        None if reversed => (last_key, first_key),
        None => (first_key, last_key),
    };
    let training_rows = history.training_rows.get(&model_version);
    Retraining {
        window_start: trigger.window_start,
        window_end: trigger.window_start.after(window),
        error_avg,
        first_key,
        last_key,
        groups,
        cause: cause::of(
            sources.ledger.definition(),
            trigger,
            window,
            joined,
            training_rows,
        ),
        erring_version: model_version,
        rows: version.map(|version| version.rows),
        trained_groups: version
            .map(|version| version.groups.clone())
            .unwrap_or_default(),
        first_row: version.and_then(|version| version.first_row.clone()),
        last_row: version.and_then(|version| version.last_row.clone()),
        version: trained.map(|decision| decision.version.clone()),
        outcome: outcome.map(|outcome| outcome.to_string()),
        started: trained.and_then(|decision| decision.training_started),
        ended: trained.map(|decision| decision.time),
        first_record_drifted: None,
        first_record_recovered: None,
        records_to_recovery: None,
        event_seconds_to_recovery: None,
    }
}

/// Writes the extent of a drift into the retraining that ended it. `records` are in order of measurement.
fn mark_recovery(
    drift: &Episode,
    scored: &[&Account],
    records: &[&Account],
    retrainings: &mut [Retraining],
) {
    let recovered = drift.first_recovered.and_then(|at| scored.get(at));
    let Some((drifted, recovered)) = scored.get(drift.first_drifted).zip(recovered) else {
        return;
    };
    let position = |one: &Account| {
        records
            .binary_search_by(|other| other.by_measurement(one))
            .ok()
    };
    let times = drifted.measured().zip(recovered.measured());
    let ended_by = retrainings.iter_mut().find(|retraining| {
        retraining.outcome.as_deref() == Some("activated")
            && retraining.version.as_deref() == recovered.model_version()
    });
    if let (Some(one), Some(from), Some(to), Some((began, ended))) =
        (ended_by, position(drifted), position(recovered), times)
    {
        one.first_record_drifted = Some(drifted.id().to_owned());
        one.first_record_recovered = Some(recovered.id().to_owned());
        one.records_to_recovery = Some((to - from) as u64);
        one.event_seconds_to_recovery = Some(seconds(began, ended));
    }
}

fn seconds(from: EventTime, to: EventTime) -> f64 {
    (to.as_millis() - from.as_millis()) as f64 / 1000.0
}
