//! Builds the report from the ledger and the model's history.

use std::collections::HashSet;
use std::time::Duration;

use pipeline::{EventTime, RetrainTrigger, topics};

use crate::accounting::{counts, unaccounted};
use crate::cause;
use crate::drift::{Alarm, Episode, RECOVERED_RUN, Scored, episodes, unjudged};
use crate::history::{ModelHistory, Outcome};
use crate::ledger::{Fish, Ledger, Trigger};
use crate::report::{FishRow, Phase, Report, Retraining, Verdict};
use crate::text::percent;

/// The input of a report.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// The records of the topics.
    pub ledger: &'a Ledger,
    /// The model's versions and decisions; `None` if unknown.
    pub history: Option<&'a ModelHistory>,
    /// The ids (`_id`) of the rows in the store; `None` if unknown.
    pub stored: Option<&'a HashSet<String>>,
    /// How many fish were planned, if known.
    pub planned: Option<u64>,
    /// The mean relative error above which a window triggers.
    pub threshold: f64,
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
            stored: None,
            planned: None,
            threshold,
            window,
            wall: Duration::ZERO,
            peak_memory_bytes: None,
            faults: Vec::new(),
        }
    }
}

/// Builds the report of a run.
pub fn build(sources: &Sources<'_>) -> Report {
    let fish = sources.ledger.fish();
    let rows = fish_rows(&fish);
    // The joined fish: their rows, and what the drift search needs from them.
    let scored = rows.iter().filter_map(|row| {
        let scored = Scored {
            weighed: row.weighed?,
            error: row.error?,
            version: row.model_version.as_deref()?,
        };
        Some((row, scored))
    });
    let (scored_rows, scored): (Vec<&FishRow>, Vec<Scored<'_>>) = scored.unzip();
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
    let unjudged = unjudged(&scored, &drifts, &alarms, sources.window, threshold);

    let mut retrainings: Vec<_> = triggers
        .iter()
        .map(|trigger| retraining(trigger, &fish, history, sources.window))
        .collect();
    for drift in &drifts {
        mark_recovery(drift, &scored_rows, &rows, &mut retrainings);
    }
    let open = drifts.iter().filter(|one| one.first_recovered.is_none());
    let open: Vec<&FishRow> = open
        .filter_map(|drift| scored_rows.get(drift.first_drifted).copied())
        .collect();

    let mut reasons = sources.faults.clone();
    reasons.extend(unaccounted(&fish, sources));
    reasons.extend(open.iter().map(|row| open_drift(row, sources)));
    reasons.extend(
        unjudged
            .iter()
            .filter_map(|stretch| unjudged_stretch(&scored_rows, *stretch, threshold)),
    );
    reasons.extend(unreadable_triggers(sources.ledger));
    if drifts.is_empty() && sources.history.is_some() {
        reasons.extend(unexplained_version(&scored_rows, &retrainings));
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
        verdict,
        reasons,
        threshold,
        fish: counts(&fish, sources),
        phases: phases(&rows),
        retrainings,
        open_drift: open.first().map(|row| row.id.clone()),
        mean_error_after_recovery,
        wall_seconds: sources.wall.as_secs_f64(),
        first_prediction_seconds: None,
        peak_memory_bytes: sources.peak_memory_bytes,
        fish_rows: rows,
    }
}

fn open_drift(first: &FishRow, sources: &Sources<'_>) -> String {
    let drift = format!(
        "the drift that began at fish {} ({})",
        first.id, first.species
    );
    if sources.history.is_some() {
        format!(
            "{drift} did not end: no newer model version predicted {RECOVERED_RUN} fish in a row with a \
             mean error below the threshold"
        )
    } else {
        format!("cannot tell whether {drift} ended: the model versions are unknown")
    }
}

fn unjudged_stretch(
    rows: &[&FishRow],
    (first, last): (usize, usize),
    threshold: f64,
) -> Option<String> {
    let rows = rows.get(first..=last)?;
    Some(format!(
        "fish {} to {} had a mean error of {}, above the threshold of {}, but no window triggered: too \
         few fish per window, or the window did not close",
        rows.first()?.id,
        rows.last()?.id,
        percent(mean(rows.iter().filter_map(|row| row.error))),
        percent(Some(threshold)),
    ))
}

fn unreadable_triggers(ledger: &Ledger) -> Option<String> {
    let count = ledger.unreadable().get(topics::WEIGHT_RETRAIN)?;
    let topic = topics::WEIGHT_RETRAIN;
    Some(format!(
        "{count} unreadable on {topic}: triggers may be missing"
    ))
}

/// The first model version that replaced another one without an activated retraining.
fn unexplained_version(rows: &[&FishRow], retrainings: &[Retraining]) -> Option<String> {
    let (first, later) = rows.split_first()?;
    let row = later.iter().find(|row| {
        let explains = |one: &Retraining| {
            one.outcome.as_deref() == Some("activated") && one.version == row.model_version
        };
        row.model_version != first.model_version && !retrainings.iter().any(explains)
    })?;
    let version = row.model_version.as_deref().unwrap_or_default();
    Some(format!(
        "the model version changed to {version} at fish {} without a trigger",
        row.id
    ))
}

pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn fish_rows(fish: &[(&str, &Fish)]) -> Vec<FishRow> {
    fish.iter()
        .filter_map(|(id, fish)| {
            let measurement = fish.measurement.as_ref()?;
            let (prediction, diff) = (fish.prediction.as_ref(), fish.diff.as_ref());
            // A fish may be predicted more than once: the prediction that was joined counts.
            let joined = diff.map(|diff| (diff.predicted_weight_kg, &diff.model_version));
            let answer = joined.or_else(|| {
                prediction.map(|seen| (seen.prediction.weight_kg, &seen.prediction.model_version))
            });
            Some(FishRow {
                id: (*id).to_owned(),
                species: measurement.species.clone(),
                measured: measurement.timestamp,
                weighed: fish.weighing.as_ref().map(|weighing| weighing.timestamp),
                predicted: answer.map(|(weight, _)| weight),
                actual: fish.weighing.as_ref().map(|weighing| weighing.weight_kg),
                error: diff.map(|diff| diff.error),
                model_version: answer.map(|(_, version)| version.clone()),
                unseen_species: fish.unseen_species,
            })
        })
        .collect()
}

pub(crate) fn phases(rows: &[FishRow]) -> Vec<Phase> {
    rows.chunk_by(|one, next| one.species == next.species)
        .filter_map(|stretch| {
            let (first, last) = (stretch.first()?, stretch.last()?);
            let mut model_versions: Vec<String> = Vec::new();
            for version in stretch.iter().filter_map(|row| row.model_version.as_ref()) {
                if !model_versions.contains(version) {
                    model_versions.push(version.clone());
                }
            }
            Some(Phase {
                species: first.species.clone(),
                first_fish: first.id.clone(),
                last_fish: last.id.clone(),
                fish: stretch.len() as u64,
                mean_error: mean(stretch.iter().filter_map(|row| row.error)),
                model_versions,
            })
        })
        .collect()
}

fn retraining(
    trigger: &Trigger,
    fish: &[(&str, &Fish)],
    history: &ModelHistory,
    window: Duration,
) -> Retraining {
    let decision = history.decision_for(&trigger.value);
    let trained = decision.filter(|decision| decision.has_trained());
    let version = trained.and_then(|decision| history.version(&decision.version));
    let RetrainTrigger {
        model_version,
        species,
        fish_id_start,
        fish_id_end,
        error_avg,
        ..
    } = trigger.value.clone();
    let outcome = match decision {
        Some(decision) => Some(decision.outcome.clone()),
        None => history
            .is_superseded(&model_version)
            .then_some(Outcome::Superseded),
    };
    // The SQL names the first and last fish by arrival, which may differ from event time.
    let weighed = |id: &str| {
        let (_, fish) = fish.iter().find(|(known, _)| *known == id)?;
        Some(fish.diff.as_ref()?.timestamp)
    };
    let reversed = weighed(&fish_id_start)
        .zip(weighed(&fish_id_end))
        .is_some_and(|(start, end)| end < start);
    let (fish_id_start, fish_id_end) = if reversed {
        (fish_id_end, fish_id_start)
    } else {
        (fish_id_start, fish_id_end)
    };
    let training_rows = history.training_rows.get(&model_version);
    Retraining {
        window_start: trigger.window_start,
        window_end: trigger.window_start.after(window),
        error_avg,
        fish_id_start,
        fish_id_end,
        species,
        cause: cause::of(trigger, window, fish, training_rows),
        erring_version: model_version,
        rows: version.map(|version| version.rows),
        trained_species: version
            .map(|version| version.species.clone())
            .unwrap_or_default(),
        first_row: version.and_then(|version| version.first_row.clone()),
        last_row: version.and_then(|version| version.last_row.clone()),
        version: trained.map(|decision| decision.version.clone()),
        outcome: outcome.map(|outcome| outcome.to_string()),
        started: trained.and_then(|decision| decision.training_started),
        ended: trained.map(|decision| decision.time),
        first_fish_drifted: None,
        first_fish_recovered: None,
        fish_to_recovery: None,
        event_seconds_to_recovery: None,
    }
}

/// Writes the extent of a drift into the retraining that ended it.
fn mark_recovery(
    drift: &Episode,
    scored: &[&FishRow],
    rows: &[FishRow],
    retrainings: &mut [Retraining],
) {
    let recovered = drift.first_recovered.and_then(|at| scored.get(at));
    let Some((drifted, recovered)) = scored.get(drift.first_drifted).zip(recovered) else {
        return;
    };
    let position = |fish: &FishRow| rows.iter().position(|row| row.id == fish.id);
    let ended_by = retrainings.iter_mut().find(|retraining| {
        retraining.outcome.as_deref() == Some("activated")
            && retraining.version == recovered.model_version
    });
    if let (Some(one), Some(from), Some(to)) = (ended_by, position(drifted), position(recovered)) {
        one.first_fish_drifted = Some(drifted.id.clone());
        one.first_fish_recovered = Some(recovered.id.clone());
        one.fish_to_recovery = Some((to - from) as u64);
        one.event_seconds_to_recovery = Some(seconds(drifted.measured, recovered.measured));
    }
}

fn seconds(from: EventTime, to: EventTime) -> f64 {
    (to.as_millis() - from.as_millis()) as f64 / 1000.0
}
