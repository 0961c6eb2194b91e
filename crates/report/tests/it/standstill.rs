use std::collections::HashSet;
use std::time::Duration;

use pipeline::Definition;
use report::{Ledger, Standstill, Step, standstills};

use crate::records::{note_dead_letter, pass_steps, row_id, store, time};

/// Ten fish; `steps` is the number of steps that each one passes.
fn ten_fish(steps: impl Fn(i64) -> usize) -> Ledger {
    let mut ledger = Ledger::new(Definition::shipped());
    (0..10).for_each(|id| pass_steps(&mut ledger, id, steps(id), "salmon", "v", 0.0));
    ledger
}

#[test]
fn a_join_that_stopped_is_reported_with_its_first_waiting_fish() {
    let mut ledger = ten_fish(|_| 4);
    let stored: Vec<String> = (0..10).map(row_id).collect();
    store(&mut ledger, &stored);
    assert_eq!(standstills(&ledger, true), []);
    (10..25).for_each(|id| pass_steps(&mut ledger, id, 3, "salmon", "v", 0.0));
    let joined = Standstill {
        step: Step::Joined,
        records: 15,
        dead_letters: 0,
        first_record: "10".to_owned(),
        since: time(30),
        waited: Duration::from_secs(28),
    };
    assert_eq!(standstills(&ledger, true), [joined]);
}

#[test]
fn a_lost_fish_is_not_a_standstill_but_an_empty_store_is() {
    let mut ledger = ten_fish(|id| if id == 5 { 1 } else { 4 });
    store(&mut ledger, &[]);
    let steps: Vec<_> = standstills(&ledger, true)
        .into_iter()
        .map(|one| (one.step, one.first_record))
        .collect();
    assert_eq!(steps, [(Step::Stored, "0".to_owned())]);
}

#[test]
fn a_row_that_was_not_requested_does_not_count_as_waiting() {
    let waiting = |queried: usize| {
        let mut ledger = ten_fish(|_| 4);
        let (mut rows, _) = ledger.rows_to_check(None, 10);
        rows.truncate(queried);
        ledger.note_stored(&rows, &HashSet::new());
        let found = standstills(&ledger, true).pop();
        found.map(|one| (one.step, one.records, one.waited.as_secs()))
    };
    assert_eq!(waiting(0), None);
    assert_eq!(waiting(4), Some((Step::Stored, 4, 6)));
}

#[test]
fn dead_letters_are_counted_apart_from_fish_that_wait() {
    let mut ledger = ten_fish(|id| if id < 8 { 4 } else { 1 });
    note_dead_letter(&mut ledger, "machine-measurement", "9");
    note_dead_letter(&mut ledger, "weight-diff", "8");
    let found: Vec<_> = standstills(&ledger, false)
        .iter()
        .map(|one| (one.step, one.records, one.dead_letters))
        .collect();
    assert_eq!(found, [(Step::Predicted, 2, 1), (Step::Weighed, 2, 0)]);
    assert_eq!(ledger.dead_letters().values().sum::<u64>(), 2);
}
