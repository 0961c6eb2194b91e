use super::*;
use crate::history::{Decision, TrainingRows, Version};
use crate::ledger::SeenRecord;
use pipeline::topics;

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
        history: Some(history),
        stored: Some(stored),
        planned: Some(30),
        ..Sources::of(ledger, 0.15, Duration::from_secs(60))
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
    of_trigger.outcome = Outcome::Pinned;
    assert!(run.1.has_settled(&trigger("a")));
    let retraining = &build(&sources(&run)).retrainings[0];
    assert_eq!(retraining.outcome.as_deref(), Some("pinned"));
    assert_eq!((&retraining.version, retraining.rows), (&None, None));
}

#[test]
fn a_trigger_of_fish_with_the_numbers_of_earlier_ones_is_open_until_it_is_decided_on_itself() {
    let mut run = drifted();
    // The version was brought back, and the fish are numbered from 1 again.
    let back = Decision {
        version: "a".into(),
        cause: None,
        ..run.1.decisions[1].clone()
    };
    run.1.decisions.push(back);
    let mut again = trigger("a");
    again.error_avg = 0.5;
    assert!(!run.1.has_settled(&again));
    assert!(run.1.has_settled(&trigger("a")));
}

#[test]
fn a_trigger_that_came_while_a_version_was_held_is_told_by_what_became_of_it_after_the_release() {
    let mut run = drifted();
    let activated = run.1.decisions[1].clone();
    let with = |outcome: Outcome| Decision {
        outcome,
        ..activated.clone()
    };
    run.1.decisions[1].outcome = Outcome::Pinned;
    run.1.decisions.push(with(Outcome::Pinned));
    run.1.decisions.push(activated.clone());
    // Delivered once more.
    run.1
        .decisions
        .push(with(Outcome::Other("unchanged".into())));
    let retraining = &build(&sources(&run)).retrainings[0];
    assert_eq!(retraining.outcome.as_deref(), Some("activated"));
    assert_eq!(retraining.rows, Some(50));
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
    // Ten of the trigger's twenty fish: what they are says nothing of the whole window.
    assert_eq!(fish_in(Duration::from_secs(20)), 0);
}

#[test]
fn a_fish_that_was_not_stored_fails_the_run_and_is_named_with_where_it_was_last_seen() {
    let mut run = drifted();
    run.2.remove(&format!("7@{}", time(24)));
    let report = build(&sources(&run));
    assert_eq!(report.verdict, Verdict::Failed);
    assert_eq!(report.reasons, ["fish 7 not stored (last seen: joined)"]);
    assert_eq!(report.fish.stored, Some(29));
    let letter = SeenRecord {
        topic: &topics::dead_letters_of(topics::WEIGHT_DIFF),
        key: Some(b"7"),
        value: None,
    };
    run.0.note(letter).expect("a letter");
    assert_eq!(
        build(&sources(&run)).reasons,
        ["fish 7 not stored (last seen: joined), dead-lettered: weight-diff-dlq"]
    );
}

#[test]
fn where_the_store_or_the_model_api_did_not_tell_nothing_is_said_of_fish_and_versions_for_them() {
    let run = drifted();
    let of_topics = build(&Sources {
        history: None,
        stored: None,
        ..sources(&run)
    });
    assert_eq!((of_topics.fish.joined, of_topics.fish.stored), (30, None));
    assert!(
        of_topics
            .to_string()
            .contains("30 joined, not known how many stored;")
    );
    let reason = "whether the drift that began with fish 10 (walleye) ended is not known: nothing is known of newer versions";
    assert_eq!(of_topics.reasons, [reason]);
    let of_store = build(&Sources {
        history: None,
        ..sources(&run)
    });
    assert_eq!(of_store.fish.stored, Some(30));
    assert_eq!(of_store.reasons, [reason]);
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
