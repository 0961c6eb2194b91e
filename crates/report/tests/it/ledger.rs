use std::time::Duration;

use pipeline::Definition;
use report::ledger::StepCounts;
use report::{Ledger, Selection, Sources};

use crate::records::{ids, measure, note, pass, pass_steps, row, row_id, store, time};

/// Fish 0 and 25 are measured 50 s apart.
fn two_fish() -> Ledger {
    let mut ledger = Ledger::new(Definition::shipped());
    [0, 25].into_iter().for_each(|id| measure(&mut ledger, id));
    ledger
}

#[test]
fn fish_are_in_order_of_measurement_and_repeats_are_counted() {
    let mut ledger = Ledger::new(Definition::shipped());
    [10, 9, 9]
        .into_iter()
        .for_each(|id| measure(&mut ledger, id));
    let fish = ledger.accounts().into_iter();
    let fish: Vec<_> = fish.map(|fish| (fish.id(), fish.duplicates())).collect();
    assert_eq!(fish, [("9", 1), ("10", 0)]);
}

#[test]
fn a_bounded_ledger_evicts_the_oldest_fish() {
    let mut ledger = Ledger::bounded(Definition::shipped(), 2);
    [1, 2, 2, 3]
        .into_iter()
        .for_each(|id| measure(&mut ledger, id));
    assert_eq!((ids(&ledger), ledger.evicted()), (vec!["2", "3"], 1));
}

#[test]
fn a_fish_with_any_record_is_in_flight_for_a_limited_time() {
    let in_flight = Duration::from_secs(20);
    let settled = |ledger: &Ledger| {
        let store = Selection {
            store_is_known: true,
            ..Selection::default()
        };
        let settled = ledger.selected(&store.without_in_flight(ledger, in_flight));
        let ids = settled.into_iter().map(|fish| fish.id().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(settled(&two_fish()), ["0"]);

    let mut only_weighed = Ledger::new(Definition::shipped());
    let weighing = format!(
        r#"{{"Fish_Id":"1","Species":"salmon","Weight":4.5,"Timestamp":"{}"}}"#,
        time(11)
    );
    assert!(note(&mut only_weighed, "machine-weight", None, &weighing));
    measure(&mut only_weighed, 25);
    assert_eq!(settled(&only_weighed), ["1"]);

    let mut only_predicted = Ledger::new(Definition::shipped());
    for (id, at) in [(1, 1), (2, 50)] {
        let value = format!(
            r#"{{"Fish_Id":"{id}","Species":"salmon","Length":86.0,"Height":18.0,"Timestamp":"{}","Prediction":{{"Weight":4.0,"ModelTime":"t","ModelVersion":"v1"}}}}"#,
            time(at)
        );
        assert!(note(&mut only_predicted, "weight-prediction", None, &value));
    }
    assert_eq!(settled(&only_predicted), ["1"]);
    measure(&mut only_predicted, 27);
    assert_eq!(settled(&only_predicted), ["1"]);
}

#[test]
fn a_ledger_until_a_time_keeps_fish_without_a_measurement() {
    let mut ledger = two_fish();
    for (id, second) in [("3", 2), ("4", 51)] {
        let weighing = format!(
            r#"{{"Fish_Id":"{id}","Species":"salmon","Weight":4.4,"Timestamp":"{}"}}"#,
            time(second)
        );
        assert!(note(&mut ledger, "machine-weight", None, &weighing));
    }
    let until = Selection {
        until: Some(time(49)),
        ..Selection::default()
    };
    let fish = ledger.selected(&until).into_iter();
    assert_eq!(fish.map(|one| one.id()).collect::<Vec<_>>(), ["0", "3"]);
    ledger.count_until(until.until);
    assert_eq!((ledger.steps().weighed, ledger.late()), (1, 2));
}

#[test]
fn an_unreadable_record_is_counted_and_adds_no_fish() {
    let mut ledger = Ledger::new(Definition::shipped());
    assert!(!note(&mut ledger, "machine-measurement", None, "{"));
    assert_eq!(ledger.unreadable()["machine-measurement"], 1);
    assert!(ledger.accounts().is_empty());
}

#[test]
fn a_trigger_has_the_window_of_its_key_and_counts_once() {
    let mut ledger = Ledger::new(Definition::shipped());
    let key = [b"v1".as_slice(), &1_623_245_940_000_i64.to_be_bytes()].concat();
    let value = r#"{"ModelVersion":"v1","Species":["salmon"],"Fish_Id_Start":"1","Fish_Id_End":"9","ErrorAvg":0.4,"Fish":9}"#;
    for _ in 0..2 {
        assert!(note(&mut ledger, "weight-retrain", Some(&key), value));
    }
    let starts = ledger.triggers().iter().map(|one| one.window_start);
    let starts: Vec<_> = starts.map(|start| start.to_string()).collect();
    assert_eq!(starts, ["2021-06-09T13:39:00.000Z"]);
    assert!(!note(&mut ledger, "weight-retrain", None, value));
}

#[test]
fn pending_fish_are_counted_by_the_first_step_they_miss() {
    let mut ledger = Ledger::new(Definition::shipped());
    for (id, steps) in [1, 1, 2, 3, 4, 4].into_iter().enumerate() {
        pass_steps(&mut ledger, id as i64, steps, "salmon", "a", 0.0);
    }
    let expected = [
        "2 fish not predicted",
        "1 fish not weighed",
        "1 fish not joined",
    ];
    assert_eq!(ledger.pending(None), expected);
    let planned = ledger.pending(Some(7));
    assert_eq!(planned[0], "1 fish not measured");
    assert_eq!(planned[1..], expected);
    // The two joined fish are all that were planned.
    assert_eq!(ledger.pending(Some(2)), [""; 0]);
}

#[test]
fn steps_are_counted_with_each_record() {
    let mut ledger = Ledger::bounded(Definition::shipped(), 4);
    for id in 0..6 {
        pass_steps(&mut ledger, id, 1 + id as usize % 4, "salmon", "a", 0.0);
    }
    store(&mut ledger, &[row_id(3)]);
    let kept = StepCounts {
        measured: 4,
        predicted: 3,
        weighed: 2,
        joined: 1,
        stored: 1,
    };
    assert_eq!(ledger.steps(), kept);
    let newest = ledger.newest(2);
    assert_eq!((ids(&newest), newest.evicted()), (vec!["4", "5"], 4));
    assert_eq!((newest.steps().predicted, newest.steps().joined), (1, 0));
}

#[test]
fn a_row_is_looked_for_in_the_store_until_it_is_found() {
    let mut ledger = Ledger::new(Definition::shipped());
    for id in 0..3 {
        pass(&mut ledger, id, "salmon", "a", 0.0);
    }
    let again = row("1@later", 1, "salmon", "a", 0.0);
    for _ in 0..2 {
        assert!(note(&mut ledger, "weight-diff", None, &again));
    }
    let to_check = |ledger: &Ledger, after, limit| {
        let (rows, last) = ledger.rows_to_check(after, limit);
        (rows.into_iter().map(|row| row.id).collect::<Vec<_>>(), last)
    };
    let (first, last) = to_check(&ledger, None, 2);
    assert_eq!(first, [row_id(0), row_id(1), "1@later".to_owned()]);
    assert_eq!(to_check(&ledger, last, 2), (vec![row_id(2)], None));
    store(&mut ledger, &[row_id(0), row_id(1)]);
    assert_eq!(ledger.unstored(), 2);
    assert_eq!(
        to_check(&ledger, None, 9).0,
        ["1@later".to_owned(), row_id(2)]
    );
    store(&mut ledger, &["1@later".to_owned(), row_id(2)]);
    assert_eq!((ledger.unstored(), ledger.steps().stored), (0, 3));
    assert!(ledger.get("1").is_some_and(|fish| fish.is_stored_twice()));
}

#[test]
fn a_json_report_written_row_by_row_has_the_same_text() {
    let mut ledger = Ledger::new(Definition::shipped());
    for (id, steps) in [4, 4, 1, 2, 4].into_iter().enumerate() {
        pass_steps(&mut ledger, id as i64, steps, "salmon", "a", 0.123);
    }
    let sources = Sources::of(&ledger, 0.15, Duration::from_secs(60));
    let held = serde_json::to_string_pretty(&report::build(&sources)).expect("JSON");
    let summary = report::summary(&sources);
    assert!(summary.record_rows.is_empty());
    let mut written = Vec::new();
    report::write_json(&summary, &ledger, &sources.selection, &mut written).expect("a vector");
    assert_eq!(String::from_utf8(written).expect("UTF-8"), held);
}
