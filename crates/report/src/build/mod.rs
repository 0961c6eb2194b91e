//! From what was seen to the report.

use std::collections::HashSet;
use std::time::Duration;

use pipeline::{EventTime, RetrainTrigger};

use crate::account::{counts, unaccounted};
use crate::cause;
use crate::episodes::{Alarm, Episode, RECOVERED_RUN, Scored, episodes};
use crate::history::{ModelHistory, Outcome};
use crate::ledger::{Fish, Ledger, Trigger};
use crate::report::{FishRow, Phase, Report, Retraining, Verdict};

/// What a report is made from.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// What was on the topics.
    pub ledger: &'a Ledger,
    /// The model's versions and the decisions on them; none where they are not known.
    pub history: Option<&'a ModelHistory>,
    /// The identities (`_id`) of the rows in the store; none where they are not known.
    pub stored: Option<&'a HashSet<String>>,
    /// How many fish were to be measured, where that is known.
    pub planned: Option<u64>,
    /// The mean relative error above which a window triggers.
    pub threshold: f64,
    /// The size of the window over which the mean is taken.
    pub window: Duration,
    /// How long the run took by the wall clock.
    pub wall: Duration,
    /// The process's largest resident memory in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// What went wrong outside of what the topics show, such as a deadline that passed.
    pub faults: Vec<String>,
}

impl<'a> Sources<'a> {
    /// What was on the topics, and nothing else: the threshold and the window are the trigger's.
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

/// The report of a run.
pub fn build(sources: &Sources<'_>) -> Report {
    let fish = sources.ledger.fish();
    let rows = fish_rows(&fish);
    let scored: Vec<(usize, Scored<'_>)> = rows
        .iter()
        .enumerate()
        .filter_map(|(at, row)| {
            let scored = Scored {
                weighed: row.weighed?,
                error: row.error?,
                version: row.model_version.as_deref()?,
            };
            Some((at, scored))
        })
        .collect();
    let (positions, scored): (Vec<_>, Vec<_>) = scored.into_iter().unzip();
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
    let activations = history.activations();
    let drifts = episodes(&scored, &alarms, &activations, sources.threshold);

    let mut retrainings: Vec<_> = triggers
        .iter()
        .map(|trigger| retraining(trigger, &fish, history, sources.window))
        .collect();
    for drift in &drifts {
        mark_recovery(drift, &positions, &rows, &mut retrainings);
    }
    let counts = counts(&fish, sources);
    let mut reasons = sources.faults.clone();
    reasons.extend(unaccounted(&fish, sources));
    let open: Vec<&FishRow> = drifts
        .iter()
        .filter(|drift| drift.first_recovered.is_none())
        .filter_map(|drift| rows.get(*positions.get(drift.first_drifted)?))
        .collect();
    reasons.extend(open.iter().map(|row| {
        let drift = format!("the drift that began with fish {} ({})", row.id, row.species);
        match sources.history {
            Some(_) => format!(
                "{drift} did not end: no {RECOVERED_RUN} fish in a row, answered by a newer version, \
                 had a mean error below the threshold"
            ),
            None => format!("whether {drift} ended is not known: nothing is known of newer versions"),
        }
    }));
    let open_drift = open.first().map(|row| row.id.clone());
    let verdict = match (reasons.is_empty(), drifts.is_empty()) {
        (false, _) => Verdict::Failed,
        (true, false) => Verdict::Recovered,
        (true, true) => Verdict::Steady,
    };
    let recovered_at = drifts.last().and_then(|drift| drift.first_recovered);
    let mean_error_after_recovery = recovered_at.and_then(|from| {
        mean(
            scored
                .get(from..)
                .unwrap_or_default()
                .iter()
                .map(|one| one.error),
        )
    });
    drop(scored);
    Report {
        verdict,
        reasons,
        threshold: sources.threshold,
        fish: counts,
        phases: phases(&rows),
        retrainings,
        open_drift,
        mean_error_after_recovery,
        fish_rows: rows,
        wall_seconds: sources.wall.as_secs_f64(),
        first_prediction_seconds: None,
        peak_memory_bytes: sources.peak_memory_bytes,
    }
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
            // Of repeated predictions the one that was joined counts: its error is the fish's error.
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
    let RetrainTrigger {
        model_version,
        species,
        fish_id_start,
        fish_id_end,
        error_avg,
        ..
    } = trigger.value.clone();
    let decision = history.decision_for(&trigger.value);
    let trained = decision.filter(|decision| decision.has_trained());
    let version = trained.and_then(|decision| history.version(&decision.version));
    let outcome = match decision {
        Some(decision) => Some(decision.outcome.clone()),
        None => history
            .is_superseded(&model_version)
            .then_some(Outcome::Superseded),
    };
    Retraining {
        window_start: trigger.window_start,
        window_end: trigger.window_start.after(window),
        error_avg,
        fish_id_start,
        fish_id_end,
        species,
        cause: cause::of(
            trigger,
            window,
            fish,
            history.training_rows.get(&model_version),
        ),
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

/// Writes an episode's bracket into the retraining whose version ended it.
fn mark_recovery(
    drift: &Episode,
    positions: &[usize],
    rows: &[FishRow],
    retrainings: &mut [Retraining],
) {
    let row_at = |scored: usize| {
        positions
            .get(scored)
            .and_then(|at| Some((*at, rows.get(*at)?)))
    };
    let Some(((from, drifted), (to, recovered))) =
        row_at(drift.first_drifted).zip(drift.first_recovered.and_then(row_at))
    else {
        return;
    };
    let ended_by = retrainings.iter_mut().find(|retraining| {
        retraining.outcome.as_deref() == Some("activated")
            && retraining.version == recovered.model_version
    });
    if let Some(retraining) = ended_by {
        retraining.first_fish_drifted = Some(drifted.id.clone());
        retraining.first_fish_recovered = Some(recovered.id.clone());
        retraining.fish_to_recovery = Some((to - from) as u64);
        retraining.event_seconds_to_recovery = Some(seconds(drifted.measured, recovered.measured));
    }
}

fn seconds(from: EventTime, to: EventTime) -> f64 {
    (to.as_millis() - from.as_millis()) as f64 / 1000.0
}

#[cfg(test)]
mod tests;
