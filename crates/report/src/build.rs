//! From what was seen to the report.

use std::collections::HashSet;
use std::time::Duration;

use messages::{EventTime, RetrainTrigger};

use crate::cause;
use crate::episodes::{Alarm, Episode, RECOVERED_RUN, Scored, episodes};
use crate::history::{ModelHistory, Outcome};
use crate::ledger::{Fish, Ledger, Trigger};
use crate::report::{FishCounts, FishRow, Phase, Report, Retraining, Verdict};

/// What a report is made from.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// What was on the topics.
    pub ledger: &'a Ledger,
    /// The model's versions and the decisions on them.
    pub history: &'a ModelHistory,
    /// The identities (`_id`) of the rows in the store.
    pub stored: &'a HashSet<String>,
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
        .map(|trigger| retraining(trigger, &fish, sources))
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
        format!(
            "the drift that began with fish {} ({}) did not end: no {RECOVERED_RUN} fish in a \
             row, answered by a newer version, had a mean error below the threshold",
            row.id, row.species
        )
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

fn retraining(trigger: &Trigger, fish: &[(&str, &Fish)], sources: &Sources<'_>) -> Retraining {
    let (history, window) = (sources.history, sources.window);
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

/// Whether a fish reached a step, given the identities of the rows in the store.
type Reached = fn(&Fish, &HashSet<String>) -> bool;

/// The steps that a fish goes through, in their order.
const STEPS: [(&str, Reached); 5] = [
    ("measured", |fish, _| fish.measurement.is_some()),
    ("predicted", |fish, _| fish.prediction.is_some()),
    ("weighed", |fish, _| fish.weighing.is_some()),
    ("joined", |fish, _| fish.diff.is_some()),
    ("stored", |fish, stored| rows_of(fish, stored) > 0),
];

/// How many rows the store holds of a fish.
fn rows_of(fish: &Fish, stored: &HashSet<String>) -> usize {
    fish.row_ids
        .iter()
        .filter(|id| stored.contains(*id))
        .count()
}

fn counts(fish: &[(&str, &Fish)], sources: &Sources<'_>) -> FishCounts {
    let reached = STEPS.map(|(_, step)| {
        fish.iter()
            .filter(|(_, one)| step(one, sources.stored))
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

/// What the fish of a ledger lack, in words: nothing where every fish is accounted for.
pub fn missing(sources: &Sources<'_>) -> Vec<String> {
    unaccounted(&sources.ledger.fish(), sources)
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
            .position(|(_, step)| !step(one, sources.stored));
        let Some(missed) = first_missed else { continue };
        let last_seen = STEPS
            .iter()
            .rposition(|(_, step)| step(one, sources.stored));
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
    let twice: Vec<&str> = fish
        .iter()
        .filter(|(_, one)| rows_of(one, sources.stored) > 1)
        .map(|(id, _)| *id)
        .collect();
    if !twice.is_empty() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Decision, TrainingRows, Version};
    use crate::ledger::SeenRecord;
    use messages::topics;

    const START: i64 = 1_623_245_960_000; // second 20 of a minute

    fn time(second: i64) -> EventTime {
        EventTime::from_millis(START + second * 1000).expect("a time")
    }

    /// The records of one fish, measured at `2 * id` seconds and weighed 10 s later.
    fn pass(ledger: &mut Ledger, id: i64, species: &str, version: &str, error: f64) {
        let (measured, weighed) = (time(2 * id), time(2 * id + 10));
        let note = |ledger: &mut Ledger, topic, value: String| {
            let seen = SeenRecord {
                topic,
                key: None,
                value: Some(value.as_bytes()),
            };
            ledger.note(seen).expect("a readable record");
        };
        let fish = format!(
            r#""Fish_Id":"{id}","Species":"{species}","Length":80.0,"Height":19.0,"Timestamp":"{measured}""#
        );
        note(ledger, topics::MACHINE_MEASUREMENT, format!("{{{fish}}}"));
        let answer = format!(r#"{{"Weight":4.0,"ModelTime":"t","ModelVersion":"{version}"}}"#);
        note(
            ledger,
            topics::WEIGHT_PREDICTION,
            format!(r#"{{{fish},"Prediction":{answer}}}"#),
        );
        let weighing = format!(
            r#"{{"Fish_Id":"{id}","Species":"{species}","Weight":4.0,"Timestamp":"{weighed}"}}"#
        );
        note(ledger, topics::MACHINE_WEIGHT, weighing);
        let diff = format!(
            r#"{{"_id":"{id}@{weighed}","Key":"Key","Fish_Id":"{id}","Species":"{species}","Length":80.0,"Height":19.0,"PredictedWeight":4.0,"ActualWeight":4.0,"Error":{error},"ModelTime":"t","ModelVersion":"{version}","Timestamp":"{weighed}"}}"#
        );
        note(ledger, topics::WEIGHT_DIFF, diff);
    }

    fn trigger(version: &str) -> RetrainTrigger {
        RetrainTrigger {
            model_version: version.into(),
            species: vec!["walleye".into()],
            fish_id_start: "10".into(),
            fish_id_end: "19".into(),
            error_avg: 0.8,
            fish: 20,
        }
    }

    /// Ten salmon, ten walleye that drift, ten walleye predicted by the new version.
    fn drifted() -> (Ledger, ModelHistory, HashSet<String>) {
        let mut ledger = Ledger::default();
        for id in 0..30 {
            match id {
                0..10 => pass(&mut ledger, id, "salmon", "a", 0.02),
                10..20 => pass(&mut ledger, id, "walleye", "a", 0.8),
                _ => pass(&mut ledger, id, "walleye", "b", 0.03),
            }
        }
        let window = time(10).as_millis();
        let key = [b"a".as_slice(), &window.to_be_bytes()].concat();
        let value = serde_json::to_vec(&trigger("a")).expect("JSON");
        let seen = SeenRecord {
            topic: topics::WEIGHT_RETRAIN,
            key: Some(&key),
            value: Some(&value),
        };
        ledger.note(seen).expect("a trigger");
        let activated = |version: &str, cause| Decision {
            version: version.into(),
            outcome: Outcome::Activated,
            time: time(0),
            training_started: None,
            cause,
        };
        let version = Version {
            id: "b".into(),
            rows: 50,
            species: vec!["salmon".into(), "walleye".into()],
            first_row: Some("0".into()),
            last_row: Some("19".into()),
        };
        let history = ModelHistory {
            versions: vec![version],
            decisions: vec![activated("a", None), activated("b", Some(trigger("a")))],
            ..ModelHistory::default()
        };
        let stored = (0..30)
            .map(|id| format!("{id}@{}", time(2 * id + 10)))
            .collect();
        (ledger, history, stored)
    }

    fn sources<'a>(
        (ledger, history, stored): &'a (Ledger, ModelHistory, HashSet<String>),
    ) -> Sources<'a> {
        Sources {
            ledger,
            history,
            stored,
            planned: Some(30),
            threshold: 0.15,
            window: Duration::from_secs(60),
            wall: Duration::from_secs(18),
            peak_memory_bytes: None,
            faults: Vec::new(),
        }
    }

    #[test]
    fn a_drift_that_ended_with_every_fish_accounted_for_is_recovered() {
        let run = drifted();
        let report = build(&sources(&run));
        assert_eq!(
            (report.verdict, report.reasons),
            (Verdict::Recovered, vec![])
        );
        let phases: Vec<_> = report
            .phases
            .iter()
            .map(|one| (one.species.as_str(), one.fish))
            .collect();
        assert_eq!(phases, [("salmon", 10), ("walleye", 20)]);
        assert_eq!(report.phases[1].model_versions, ["a", "b"]);
        let retraining = &report.retrainings[0];
        assert_eq!(retraining.outcome.as_deref(), Some("activated"));
        assert_eq!(retraining.first_fish_drifted.as_deref(), Some("10"));
        assert_eq!(retraining.first_fish_recovered.as_deref(), Some("20"));
        assert_eq!(retraining.fish_to_recovery, Some(10));
        assert_eq!(retraining.event_seconds_to_recovery, Some(20.0));
        let after = report.mean_error_after_recovery.expect("an episode ended");
        assert!((after - 0.03).abs() < 1e-12, "{after}");
    }

    #[test]
    fn a_trigger_that_changed_nothing_is_answered_and_names_no_version_as_trained() {
        let mut run = drifted();
        let of_trigger = &mut run.1.decisions[1];
        of_trigger.outcome = Outcome::Other("pinned".into());
        assert!(run.1.has_settled(&trigger("a")));
        let retraining = &build(&sources(&run)).retrainings[0];
        assert_eq!(retraining.outcome.as_deref(), Some("pinned"));
        assert_eq!((&retraining.version, retraining.rows), (&None, None));
    }

    #[test]
    fn a_trigger_says_which_species_erred_and_how_the_window_differs_from_the_training_rows() {
        let mut run = drifted();
        let rows = TrainingRows {
            species: vec!["salmon".into(); 3],
            numeric: vec![
                ("length".into(), vec![84.0, 86.0, 88.0]), // mean 86, standard deviation 2
                ("height".into(), vec![19.0; 3]),
                ("weight".into(), vec![4.0, 4.5, 5.0]),
            ],
        };
        run.1.training_rows.insert("a".into(), rows);
        let report = build(&sources(&run));
        let cause = &report.retrainings[0].cause;
        let species: Vec<_> = cause
            .species
            .iter()
            .map(|one| (one.species.as_str(), one.fish, one.training_rows))
            .collect();
        assert_eq!(species, [("walleye", 10, Some(0)), ("salmon", 10, Some(3))]);
        assert!((cause.species[0].mean_error - 0.8).abs() < 1e-12);
        // What the fish are predicted from, and not what is predicted.
        let shifts: Vec<_> = cause
            .features
            .iter()
            .map(|one| (one.feature.as_str(), one.mean, one.shift_sd))
            .collect();
        assert_eq!(
            shifts,
            [("length", 80.0, Some(-3.0)), ("height", 19.0, None)]
        );
        let text = report.to_string();
        for line in [
            "  walleye, 10 of 20 fish: error 80.0 %, a species that the model never saw\n",
            "  salmon, 10 of 20 fish: error 2.0 %, 3 of the model's training rows\n",
            "  mean length 80.0, in its training rows 86.0: -3.0 standard deviations\n",
            "  mean height 19.0, in its training rows 19.0\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn fish_of_another_version_or_another_window_are_no_part_of_a_triggers_cause() {
        let (mut ledger, history, stored) = drifted();
        // Weighed after the window.
        pass(&mut ledger, 5_000, "char", "a", 0.9);
        let run = (ledger, history, stored);
        let fish_in = |window| {
            let report = build(&Sources {
                window,
                ..sources(&run)
            });
            let cause = report.retrainings[0].cause.clone();
            cause.species.iter().map(|one| one.fish).sum::<u64>()
        };
        // Fish 20 to 24 are weighed before second 60 too, but `b` answered for them.
        assert_eq!(fish_in(Duration::from_secs(60)), 20);
        assert_eq!(fish_in(Duration::from_secs(20)), 10);
    }

    #[test]
    fn a_fish_that_was_not_stored_fails_the_run_and_is_named_with_where_it_was_last_seen() {
        let mut run = drifted();
        run.2.remove(&format!("7@{}", time(24)));
        let report = build(&sources(&run));
        assert_eq!(report.verdict, Verdict::Failed);
        assert_eq!(report.reasons, ["fish 7 not stored (last seen: joined)"]);
        assert_eq!(report.fish.stored, 29);
    }

    #[test]
    fn a_fish_that_is_stored_twice_fails_the_run() {
        let mut run = drifted();
        let again = format!(
            r#"{{"_id":"7@later","Key":"Key","Fish_Id":"7","Species":"salmon","Length":80.0,"Height":19.0,"PredictedWeight":4.0,"ActualWeight":4.0,"Error":0.0,"ModelTime":"t","ModelVersion":"a","Timestamp":"{}"}}"#,
            time(40)
        );
        let seen = SeenRecord {
            topic: topics::WEIGHT_DIFF,
            key: None,
            value: Some(again.as_bytes()),
        };
        run.0.note(seen).expect("a readable record");
        run.2.insert("7@later".into());
        let report = build(&sources(&run));
        assert_eq!(report.reasons, ["fish 7 stored more than once"]);
    }

    #[test]
    fn fewer_fish_than_planned_fail_the_run() {
        let run = drifted();
        let report = build(&Sources {
            planned: Some(31),
            ..sources(&run)
        });
        assert_eq!(report.reasons, ["31 fish were to be measured, 30 were"]);
    }

    #[test]
    fn a_drift_without_an_activation_fails_the_run() {
        let mut run = drifted();
        run.1.decisions.pop();
        let report = build(&sources(&run));
        // An answer by a version that was never activated ends no drift.
        assert_eq!(report.reasons.len(), 1);
        assert!(
            report.reasons[0].contains("fish 10 (walleye) did not end"),
            "{report}"
        );
        assert_eq!(report.open_drift.as_deref(), Some("10"));
        assert_eq!(report.retrainings[0].outcome, None);
    }

    #[test]
    fn of_the_newest_fish_only_those_and_the_retrainings_that_reach_into_them_are_left() {
        let run = drifted();
        let whole = build(&Sources {
            window: Duration::from_secs(40),
            ..sources(&run)
        });
        let newest = whole.newest(20);
        assert_eq!(newest.fish_rows.len(), 20);
        assert_eq!(newest.fish_rows[0].id, whole.fish_rows[10].id);
        assert_eq!(newest.phases.len(), 1);
        assert_eq!(newest.retrainings, whole.retrainings);
        assert_eq!(newest.fish, whole.fish);
        assert_eq!(whole.newest(1).retrainings, []);
        assert_eq!(whole.newest(30), whole);
    }

    #[test]
    fn a_fish_predicted_twice_counts_with_the_answer_that_was_joined() {
        let mut ledger = Ledger::default();
        pass(&mut ledger, 1, "salmon", "a", 0.02);
        let mut twice = Ledger::default();
        let again = ledger.fish()[0].1.prediction.clone().expect("a prediction");
        let mut first = again.clone();
        first.prediction.model_version = "older".into();
        for prediction in [first, again] {
            let value = serde_json::to_vec(&prediction).expect("JSON");
            let seen = SeenRecord {
                topic: topics::WEIGHT_PREDICTION,
                key: None,
                value: Some(&value),
            };
            twice.note(seen).expect("a readable record");
        }
        pass(&mut twice, 1, "salmon", "a", 0.02);
        let run = (
            twice,
            ModelHistory::default(),
            HashSet::from([format!("1@{}", time(12))]),
        );
        let report = build(&Sources {
            planned: Some(1),
            ..sources(&run)
        });
        assert_eq!(report.fish_rows[0].model_version.as_deref(), Some("a"));
    }

    #[test]
    fn a_run_without_a_trigger_is_steady() {
        let mut ledger = Ledger::default();
        pass(&mut ledger, 1, "salmon", "a", 0.02);
        let run = (
            ledger,
            ModelHistory::default(),
            HashSet::from([format!("1@{}", time(12))]),
        );
        let report = build(&Sources {
            planned: Some(1),
            ..sources(&run)
        });
        assert_eq!((report.verdict, report.reasons), (Verdict::Steady, vec![]));
        assert_eq!(report.mean_error_after_recovery, None);
    }
}
