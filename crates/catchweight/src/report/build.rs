//! From what was seen to the report.

use std::collections::HashMap;
use std::time::Duration;

use messages::{EventTime, RetrainTrigger};

use super::episodes::{Alarm, Episode, Scored, episodes};
use super::{FishCounts, FishRow, Phase, Report, Retraining, Verdict};
use crate::history::{Decision, ModelHistory, Outcome};
use crate::ledger::{Fish, Ledger, Trigger};

/// What a report is made from.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// What was on the topics.
    pub ledger: &'a Ledger,
    /// The model's versions and the decisions on them.
    pub history: &'a ModelHistory,
    /// How many rows the store holds of each fish.
    pub stored: &'a HashMap<String, u64>,
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
    let activations = sources.history.activations();
    let drifts = episodes(&scored, &alarms, &activations, sources.threshold);

    let mut retrainings: Vec<_> = triggers
        .iter()
        .map(|trigger| retraining(trigger, sources.history, sources.window))
        .collect();
    for drift in &drifts {
        mark_recovery(drift, &positions, &rows, &mut retrainings);
    }
    let counts = counts(&fish, sources);
    let mut reasons = sources.faults.clone();
    reasons.extend(unaccounted(&fish, sources));
    reasons.extend(
        drifts
            .iter()
            .filter(|drift| drift.first_recovered.is_none())
            .filter_map(|drift| {
                let row = rows.get(*positions.get(drift.first_drifted)?)?;
                Some(format!(
                    "the drift that began with fish {} ({}) did not end",
                    row.id, row.species
                ))
            }),
    );
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
        mean_error_after_recovery,
        fish_rows: rows,
        wall_seconds: sources.wall.as_secs_f64(),
        peak_memory_bytes: sources.peak_memory_bytes,
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn fish_rows(fish: &[(&str, &Fish)]) -> Vec<FishRow> {
    fish.iter()
        .filter_map(|(id, fish)| {
            let measurement = fish.measurement.as_ref()?;
            let (prediction, diff) = (fish.prediction.as_ref(), fish.diff.as_ref());
            Some(FishRow {
                id: (*id).to_owned(),
                species: measurement.species.clone(),
                measured: measurement.timestamp,
                weighed: fish.weighing.as_ref().map(|weighing| weighing.timestamp),
                predicted: prediction.map(|seen| seen.prediction.weight_kg),
                actual: fish.weighing.as_ref().map(|weighing| weighing.weight_kg),
                error: diff.map(|diff| diff.error),
                model_version: prediction.map(|seen| seen.prediction.model_version.clone()),
                unseen_species: fish.unseen_species,
            })
        })
        .collect()
}

fn phases(rows: &[FishRow]) -> Vec<Phase> {
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

fn retraining(trigger: &Trigger, history: &ModelHistory, window: Duration) -> Retraining {
    let RetrainTrigger {
        model_version,
        species,
        fish_id_start,
        fish_id_end,
        error_avg,
        ..
    } = trigger.value.clone();
    let decision = history.decision_for(&trigger.value);
    let version = decision.and_then(|decision| history.version(&decision.version));
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
        erring_version: model_version,
        rows: version.map(|version| version.rows),
        trained_species: version
            .map(|version| version.species.clone())
            .unwrap_or_default(),
        first_row: version.and_then(|version| version.first_row.clone()),
        last_row: version.and_then(|version| version.last_row.clone()),
        version: decision.map(|decision| decision.version.clone()),
        outcome: outcome.map(|outcome| outcome.to_string()),
        started: decision.and_then(Decision::started),
        ended: decision.map(|decision| decision.time),
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

/// Whether a fish, by its id, reached a step, given how many rows the store holds of each.
type Reached = fn(&str, &Fish, &HashMap<String, u64>) -> bool;

/// The steps that a fish goes through, in their order.
const STEPS: [(&str, Reached); 5] = [
    ("measured", |_, fish, _| fish.measurement.is_some()),
    ("predicted", |_, fish, _| fish.prediction.is_some()),
    ("weighed", |_, fish, _| fish.weighing.is_some()),
    ("joined", |_, fish, _| fish.diff.is_some()),
    ("stored", |id, _, stored| stored.contains_key(id)),
];

fn counts(fish: &[(&str, &Fish)], sources: &Sources<'_>) -> FishCounts {
    let reached = STEPS.map(|(_, step)| {
        fish.iter()
            .filter(|(id, one)| step(id, one, sources.stored))
            .count() as u64
    });
    let [measured, predicted, weighed, joined, stored] = reached;
    FishCounts {
        measured,
        predicted,
        weighed,
        joined,
        stored,
        duplicates: fish.iter().map(|(_, one)| one.duplicates).sum(),
        dead_letters: sources.ledger.dead_letters().values().sum(),
        unreadable: sources.ledger.unreadable().values().sum(),
    }
}

/// Fish that did not reach every step, by the first step that they miss, and fish stored twice.
fn unaccounted(fish: &[(&str, &Fish)], sources: &Sources<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    let measured = fish
        .iter()
        .filter(|(_, one)| one.measurement.is_some())
        .count() as u64;
    match sources.planned {
        Some(planned) if planned != measured => {
            reasons.push(format!(
                "{planned} fish were to be measured, {measured} were"
            ));
        }
        None if measured == 0 => reasons.push("no fish was measured".to_owned()),
        _ => {}
    }
    let mut missing: Vec<(String, Vec<&str>)> = Vec::new();
    for (id, one) in fish {
        let first_missed = STEPS
            .iter()
            .position(|(_, step)| !step(id, one, sources.stored));
        let Some(missed) = first_missed else { continue };
        let last_seen = STEPS
            .iter()
            .rposition(|(_, step)| step(id, one, sources.stored));
        let name = |at: usize| STEPS.get(at).map_or("nowhere", |(name, _)| name);
        let text = format!(
            "not {} (last seen: {})",
            name(missed),
            last_seen.map_or("nowhere", name)
        );
        match missing.iter_mut().find(|(known, _)| *known == text) {
            Some((_, ids)) => ids.push(id),
            None => missing.push((text, vec![id])),
        }
    }
    reasons.extend(
        missing
            .iter()
            .map(|(text, ids)| format!("{} {text}", named(ids))),
    );
    let mut twice: Vec<&str> = sources
        .stored
        .iter()
        .filter(|(_, rows)| **rows > 1)
        .map(|(id, _)| id.as_str())
        .collect();
    if !twice.is_empty() {
        twice.sort_unstable();
        reasons.push(format!("{} stored more than once", named(&twice)));
    }
    reasons
}

/// `fish 7` or `3 fish (7, 8, 9)`, at most ten ids.
fn named(ids: &[&str]) -> String {
    const SHOWN: usize = 10;
    match ids {
        [id] => format!("fish {id}"),
        _ => {
            let more = if ids.len() > SHOWN { ", …" } else { "" };
            let shown = ids
                .iter()
                .take(SHOWN)
                .copied()
                .collect::<Vec<_>>()
                .join(", ");
            format!("{} fish ({shown}{more})", ids.len())
        }
    }
}
