use std::collections::HashSet;
use std::time::Duration;

use pipeline::{Definition, TriggerRecord};
use report::history::{Decision, Outcome, TrainingRows, Version};
use report::{Ledger, ModelHistory, Report, Selection, Sources, Verdict, build};

use crate::records::{
    note, note_dead_letter, note_trigger, pass, pass_steps, row, row_id, store, time,
};

pub(crate) fn trigger(version: &str) -> TriggerRecord {
    TriggerRecord {
        model_version: version.into(),
        groups: vec!["walleye".into()],
        first_key: "10".into(),
        last_key: "19".into(),
        error_avg: 0.8,
        count: 20,
    }
}

/// A run: its records, the model's history, and the ids of the stored rows.
struct Run {
    ledger: Ledger,
    history: ModelHistory,
    stored: HashSet<String>,
}

impl Run {
    /// Fish 0, 1, …, all stored, each with species, version and error; no model history.
    fn of<'a>(fish: impl IntoIterator<Item = (&'a str, &'a str, f64)>) -> Self {
        let mut run = Self {
            ledger: Ledger::new(Definition::shipped()),
            history: ModelHistory::default(),
            stored: HashSet::new(),
        };
        for (id, (species, version, error)) in (0..).zip(fish) {
            pass(&mut run.ledger, id, species, version, error);
            run.stored.insert(row_id(id));
        }
        run
    }

    /// Ten salmon, ten walleye that drift, ten walleye predicted by the new version.
    fn drifted() -> Self {
        Self::drifted_with_window(10)
    }

    /// The same with a trigger for the window that starts at a second.
    fn drifted_with_window(start: i64) -> Self {
        let mut run = Self::of((0..30).map(|id| match id {
            0..10 => ("salmon", "a", 0.02),
            10..20 => ("walleye", "a", 0.8),
            _ => ("walleye", "b", 0.03),
        }));
        note_trigger(&mut run.ledger, start, &trigger("a"));
        run.decide("a", Outcome::Activated, None);
        run.decide("b", Outcome::Activated, Some(trigger("a")));
        run.history.versions.push(Version {
            id: "b".into(),
            rows: 50,
            groups: vec!["salmon".into(), "walleye".into()],
            first_row: Some("0".into()),
            last_row: Some("19".into()),
        });
        run
    }

    fn decide(&mut self, version: &str, outcome: Outcome, cause: Option<TriggerRecord>) {
        self.history.decisions.push(Decision {
            version: version.into(),
            outcome,
            time: time(0),
            training_started: None,
            cause,
            is_refinement: false,
        });
    }

    /// The sources of a report after a query of the store.
    fn sources(&mut self) -> Sources<'_> {
        let stored: Vec<_> = self.stored.iter().cloned().collect();
        store(&mut self.ledger, &stored);
        Sources {
            history: Some(&self.history),
            selection: Selection {
                store_is_known: true,
                ..Selection::default()
            },
            ..Sources::of(&self.ledger, 0.15, Duration::from_secs(60))
        }
    }

    fn report(&mut self) -> Report {
        build(&self.sources())
    }
}

#[test]
fn a_drift_that_ended_with_every_fish_stored_is_recovered() {
    let report = Run::drifted().report();
    assert_eq!(
        (report.verdict, report.reasons),
        (Verdict::Recovered, vec![])
    );
    let phases: Vec<_> = report
        .phases
        .iter()
        .map(|one| (one.group.as_deref().unwrap_or_default(), one.records))
        .collect();
    assert_eq!(phases, [("salmon", 10), ("walleye", 20)]);
    assert_eq!(report.phases[1].model_versions, ["a", "b"]);
    let retraining = &report.retrainings[0];
    assert_eq!(retraining.outcome.as_deref(), Some("activated"));
    assert_eq!(retraining.first_record_drifted.as_deref(), Some("10"));
    assert_eq!(retraining.first_record_recovered.as_deref(), Some("20"));
    assert_eq!(retraining.records_to_recovery, Some(10));
    assert_eq!(retraining.event_seconds_to_recovery, Some(20.0));
    let after = report.mean_error_after_recovery.expect("an episode ended");
    assert!((after - 0.03).abs() < 1e-12, "{after}");
}

#[test]
fn a_drift_may_begin_before_the_window_that_triggered() {
    // Fish 15 to 19 are weighed in this window.
    let mut run = Run::drifted_with_window(40);
    let retraining = &run.report().retrainings[0];
    assert_eq!(retraining.first_record_drifted.as_deref(), Some("10"));
    assert_eq!(retraining.records_to_recovery, Some(10));
}

#[test]
fn a_window_names_its_first_fish_by_event_time_not_by_arrival() {
    let mut run = Run::drifted();
    let reversed = TriggerRecord {
        first_key: "19".into(),
        last_key: "17".into(),
        ..trigger("a")
    };
    note_trigger(&mut run.ledger, 40, &reversed);
    let retraining = &run.report().retrainings[1];
    let fish = (&*retraining.first_key, &*retraining.last_key);
    assert_eq!(fish, ("17", "19"));
}

#[test]
fn the_ends_of_a_known_window_are_those_of_its_fish() {
    let mut run = Run::drifted();
    // Fish 0 to 19 in this window; they arrived in another order.
    let by_arrival = TriggerRecord {
        first_key: "3".into(),
        last_key: "17".into(),
        ..trigger("a")
    };
    note_trigger(&mut run.ledger, 0, &by_arrival);
    let report = run.report();
    let retraining = &report.retrainings[0];
    let fish = (&*retraining.first_key, &*retraining.last_key);
    assert_eq!(fish, ("0", "19"));
}

#[test]
fn many_triggers_are_counted_by_outcome() {
    let mut run = Run::drifted();
    for window in 1..12 {
        note_trigger(&mut run.ledger, 60 * window, &trigger("c"));
    }
    let text = run.report().to_string();
    assert_eq!(text.matches("Trigger 13:").count(), 4, "{text}");
    assert!(text.contains("\n… 8 more triggers …\n"), "{text}");
    let table = "  outcome of the triggers  number\n  activated                     1\n  \
                 no decision yet              11\n";
    assert!(text.contains(table), "{text}");
}

#[test]
fn a_trigger_without_a_training_names_no_version() {
    let mut run = Run::drifted();
    run.history.decisions[1].outcome = Outcome::Pinned;
    assert!(run.history.has_settled(&trigger("a")));
    let retraining = &run.report().retrainings[0];
    assert_eq!(retraining.outcome.as_deref(), Some("pinned"));
    assert_eq!((&retraining.version, retraining.rows), (&None, None));
}

#[test]
fn a_trigger_with_the_fish_ids_of_an_earlier_one_is_open() {
    let mut run = Run::drifted();
    // Version `a` came back, and fish are numbered from 1 again.
    run.decide("a", Outcome::Activated, None);
    let again = TriggerRecord {
        error_avg: 0.5,
        ..trigger("a")
    };
    assert!(!run.history.has_settled(&again));
    assert!(run.history.has_settled(&trigger("a")));
}

#[test]
fn a_training_after_a_pin_is_the_outcome_of_its_trigger() {
    let mut run = Run::drifted();
    run.history.decisions.pop();
    for outcome in [
        Outcome::Pinned,
        Outcome::Pinned,
        Outcome::Activated,
        Outcome::Other("unchanged".into()), // delivered once more
    ] {
        run.decide("b", outcome, Some(trigger("a")));
    }
    let retraining = &run.report().retrainings[0];
    assert_eq!(retraining.outcome.as_deref(), Some("activated"));
    assert_eq!(retraining.rows, Some(50));
}

#[test]
fn a_cause_names_the_bad_species_and_the_shifted_features() {
    let mut run = Run::drifted();
    let rows = TrainingRows {
        groups: vec!["salmon".into(); 3],
        categories: Vec::new(),
        numeric: vec![
            ("length".into(), vec![84.0, 86.0, 88.0]), // mean 86, standard deviation 2
            ("height".into(), vec![19.0; 3]),
            ("weight".into(), vec![4.0, 4.5, 5.0]),
        ],
    };
    run.history.training_rows.insert("a".into(), rows);
    let report = run.report();
    let cause = &report.retrainings[0].cause;
    let species: Vec<_> = cause
        .groups
        .iter()
        .map(|one| (one.group.as_str(), one.records, one.training_rows))
        .collect();
    assert_eq!(species, [("walleye", 10, Some(0)), ("salmon", 10, Some(3))]);
    assert!((cause.groups[0].mean_error - 0.8).abs() < 1e-12);
    // The weight is the prediction's target, not a feature.
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
        "  walleye, 10 of 20 fish: error 80.0 %, not among the model's training rows\n",
        "  salmon, 10 of 20 fish: error 2.0 %, 3 of the model's training rows\n",
        "  mean length 80.0, in the training rows 86.0: -3.0 standard deviations\n",
        "  mean height 19.0, in the training rows 19.0\n",
        "\n  drift began at fish 10, recovered at fish 20: 10 fish, 20 s of event time\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn fish_of_another_version_or_window_are_not_in_a_cause() {
    let mut run = Run::drifted();
    // Weighed after the window.
    pass(&mut run.ledger, 5_000, "char", "a", 0.9);
    let mut fish_in = |seconds| {
        let report = build(&Sources {
            window: Duration::from_secs(seconds),
            ..run.sources()
        });
        let cause = report.retrainings[0].cause.clone();
        cause.groups.iter().map(|one| one.records).sum::<u64>()
    };
    // Fish 20 to 24 are weighed before second 60 too, but `b` predicted them.
    assert_eq!(fish_in(60), 20);
    // Only ten of the trigger's twenty fish are in the window.
    assert_eq!(fish_in(20), 0);
}

#[test]
fn a_fish_that_was_not_stored_is_named_with_its_last_step() {
    let mut run = Run::drifted();
    run.stored.remove(&row_id(7));
    let report = run.report();
    assert_eq!(report.verdict, Verdict::Failed);
    assert_eq!(report.reasons, ["fish 7 not stored (last seen: joined)"]);
    assert_eq!(report.records.stored, Some(29));
    note_dead_letter(&mut run.ledger, "weight-diff", "7");
    assert_eq!(
        run.report().reasons,
        ["fish 7 not stored (last seen: joined), dead-lettered: weight-diff-dlq"]
    );
}

#[test]
fn an_unknown_store_or_history_is_not_reported_as_missing() {
    let mut run = Run::drifted();
    let of_topics = build(&Sources {
        history: None,
        selection: Selection::default(),
        ..run.sources()
    });
    assert_eq!(
        (of_topics.records.joined, of_topics.records.stored),
        (30, None)
    );
    let text = of_topics.to_string();
    assert!(text.contains("30 joined, unknown number stored;"), "{text}");
    let reason = "cannot tell whether the drift that began at fish 10 (walleye) ended: the model versions are unknown";
    assert_eq!(of_topics.reasons, [reason]);
    let of_store = build(&Sources {
        history: None,
        ..run.sources()
    });
    assert_eq!(of_store.records.stored, Some(30));
    assert_eq!(of_store.reasons, [reason]);
}

#[test]
fn a_fish_that_is_stored_twice_fails_the_run() {
    let mut run = Run::drifted();
    let again = row("7@later", 7, "salmon", "a", 0.0);
    assert!(note(&mut run.ledger, "weight-diff", None, &again));
    run.stored.insert("7@later".into());
    assert_eq!(run.report().reasons, ["fish 7 stored more than once"]);
}

#[test]
fn fewer_fish_than_planned_fail_the_run() {
    let mut run = Run::drifted();
    let report = build(&Sources {
        planned: Some(31),
        ..run.sources()
    });
    assert_eq!(report.reasons, ["31 fish planned, 30 measured"]);
}

#[test]
fn a_drift_without_an_activation_fails_the_run() {
    let mut run = Run::drifted();
    run.history.decisions.pop();
    let report = run.report();
    // Version `b` was never activated, so its predictions do not end the drift.
    assert_eq!(
        report.reasons,
        [
            "the drift that began at fish 10 (walleye) did not end: no newer model version predicted 5 fish in a row with a mean error below the threshold"
        ]
    );
    assert_eq!(report.open_drift.as_deref(), Some("10"));
    assert_eq!(report.retrainings[0].outcome, None);
}

#[test]
fn the_newest_fish_keep_the_retrainings_that_overlap_with_them() {
    let mut run = Run::drifted();
    let whole = build(&Sources {
        window: Duration::from_secs(40),
        ..run.sources()
    });
    let newest = whole.newest(20);
    assert_eq!(newest.record_rows.len(), 20);
    assert_eq!(newest.record_rows[0].id, whole.record_rows[10].id);
    assert_eq!(newest.phases.len(), 1);
    assert_eq!(newest.retrainings, whole.retrainings);
    assert_eq!(newest.records, whole.records);
    assert_eq!(whole.newest(1).retrainings, []);
    assert_eq!(whole.newest(30), whole);
}

#[test]
fn a_fish_predicted_twice_counts_with_the_joined_prediction() {
    let mut run = Run::of([]);
    pass_steps(&mut run.ledger, 0, 2, "salmon", "older", 0.0);
    pass(&mut run.ledger, 0, "salmon", "a", 0.02);
    let rows = run.report().record_rows;
    assert_eq!(rows[0].model_version.as_deref(), Some("a"));
}

#[test]
fn a_run_without_a_trigger_is_steady() {
    let report = Run::of([("salmon", "a", 0.02)]).report();
    assert_eq!((report.verdict, report.reasons), (Verdict::Steady, vec![]));
    assert_eq!(report.mean_error_after_recovery, None);
}

#[test]
fn a_run_with_bad_fish_that_no_window_judged_is_not_steady() {
    let mut run = Run::of((0..30).map(|id| match id {
        10..20 => ("walleye", "a", 0.8),
        _ => ("salmon", "a", 0.02),
    }));
    let report = build(&Sources {
        window: Duration::from_secs(4),
        ..run.sources()
    });
    assert_eq!(report.verdict, Verdict::Failed);
    assert_eq!(
        report.reasons,
        [
            "fish 10 to 19 had a mean error of 80.0 %, above the threshold of 15.0 %, but no window triggered: too few fish per window, or the window did not close"
        ]
    );
}

#[test]
fn a_rule_with_other_conditions_need_not_trigger_above_the_mean() {
    let mut run = Run::of((0..30).map(|id| match id {
        10..20 => ("walleye", "a", 0.2),
        _ => ("salmon", "a", 0.02),
    }));
    let report = build(&Sources {
        window: Duration::from_secs(4),
        mean_alone: false,
        ..run.sources()
    });
    assert_eq!((report.verdict, report.reasons), (Verdict::Steady, vec![]));
}

#[test]
fn a_refined_version_needs_no_trigger_of_its_own() {
    let mut run = Run::of([("salmon", "a", 0.02), ("salmon", "b", 0.02)]);
    run.decide("b", Outcome::Activated, None);
    assert_eq!(run.report().verdict, Verdict::Failed);
    run.history.decisions[0].is_refinement = true;
    let report = run.report();
    assert_eq!((report.verdict, report.reasons), (Verdict::Steady, vec![]));
}

#[test]
fn a_run_with_unreadable_triggers_is_not_steady() {
    let mut run = Run::of([("salmon", "a", 0.02)]);
    assert!(!note(&mut run.ledger, "weight-retrain", None, "{"));
    assert_eq!(
        run.report().reasons,
        ["1 unreadable on weight-retrain: triggers may be missing"]
    );
}

#[test]
fn a_run_whose_version_changed_without_a_trigger_is_not_steady() {
    let mut run = Run::of([("salmon", "a", 0.02), ("salmon", "b", 0.02)]);
    run.decide("a", Outcome::Activated, None);
    run.decide("b", Outcome::Activated, None);
    let reason = "the model version changed to b at fish 1 without a trigger";
    assert_eq!(run.report().reasons, [reason]);
    run.history.decisions.pop();
    run.decide("b", Outcome::Activated, Some(trigger("a")));
    note_trigger(&mut run.ledger, 10, &trigger("a"));
    assert_eq!(run.report().reasons, [""; 0]);
}
