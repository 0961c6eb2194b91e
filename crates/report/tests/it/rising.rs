use std::time::Duration;

use pipeline::Definition;
use report::{Ledger, RecordRow, Report, Sources};

use crate::records::{note_trigger, time};
use crate::verdict::trigger;

/// The report of fish with these errors; a fish with a high error is a walleye.
pub(crate) fn report(errors: &[f64]) -> Report {
    let mut ledger = Ledger::new(Definition::shipped());
    note_trigger(&mut ledger, 0, &trigger("a"));
    let mut report = report::build(&Sources::of(&ledger, 0.15, Duration::from_secs(60)));
    let rows = errors.iter().enumerate().map(|(at, error)| {
        let bad = *error > 0.15;
        RecordRow {
            id: at.to_string(),
            group: Some(if bad { "walleye" } else { "salmon" }.to_owned()),
            measured: time(2 * at as i64),
            weighed: None,
            predicted: None,
            actual: None,
            error: Some(*error),
            model_version: None,
            unseen_level: bad,
        }
    });
    report.record_rows = rows.collect();
    report
}

fn first_fish(report: &Report) -> Option<String> {
    report.rising().map(|rise| rise.first_record)
}

#[test]
fn a_rise_begins_with_its_first_bad_fish_and_names_the_species() {
    let errors = [[0.02; 20].as_slice(), &[0.8; 4]].concat();
    let rise = report(&errors).rising().expect("a rise");
    assert_eq!((rise.first_record.as_str(), rise.since), ("20", time(40)));
    // The second bad fish lifted the mean of ten above the threshold.
    let species: Vec<_> = rise
        .groups
        .iter()
        .map(|one| (one.group.as_str(), one.records, one.training_rows))
        .collect();
    assert_eq!(species, [("walleye", 2, Some(0))]);
    assert_eq!(report(&[0.8; 9]).rising(), None, "too few fish");
}

#[test]
fn a_mean_that_swings_about_the_threshold_is_one_rise() {
    let mut errors = [[0.02; 20].as_slice(), &[0.16; 10]].concat();
    let first = report(&errors).rising();
    assert_eq!(first_fish(&report(&errors)).as_deref(), Some("20"));
    for error in [0.13, 0.14, 0.17, 0.12, 0.19, 0.13, 0.2, 0.12, 0.14, 0.18] {
        errors.push(error);
        assert_eq!(report(&errors).rising(), first, "{} fish", errors.len());
    }
    errors.extend([0.02; 10]);
    assert_eq!(report(&errors).rising(), None);
}

#[test]
fn fish_before_a_recovery_do_not_count_as_a_rise() {
    let errors = [[0.02; 10].as_slice(), &[0.8; 10], &[0.02; 6]].concat();
    let mut report = report(&errors);
    assert!(report.rising().is_some());
    report.retrainings[0].first_record_recovered = Some("20".to_owned());
    assert_eq!(report.rising(), None);
}
