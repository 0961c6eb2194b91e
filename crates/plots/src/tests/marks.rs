//! Marks are at the fish where the report says that something happened.

use super::sample::{Run, plan, time, version};
use crate::PlotError;
use crate::marks::{Span, Timeline, Weights};

fn span(first: usize, last: usize) -> Span {
    Span { first, last }
}

#[test]
fn each_run_of_one_species_is_a_band() {
    let timeline = Timeline::of(&Run::of(&plan())).unwrap();
    let bands: Vec<_> = timeline
        .bands
        .iter()
        .map(|band| (timeline.group_name(band.group), band.span))
        .collect();
    let expected = [
        ("salmon", span(1, 60)),
        ("walleye", span(61, 120)),
        ("salmon", span(121, 180)),
    ];
    assert_eq!(bands, expected);
}

#[test]
fn a_retraining_is_marked_from_window_to_recovery() {
    let report = Run::of(&plan());
    let timeline = Timeline::of(&report).unwrap();
    let [one, _] = timeline.retrainings.as_slice() else {
        panic!("{:?}", timeline.retrainings);
    };
    // Weighed from second 100 to 160, that is measured from second 90 to 150, one every 2 s.
    assert_eq!(one.window.span, Some(span(46, 75)));
    let shares: Vec<_> = one
        .window
        .by_group
        .iter()
        .map(|share| (share.group.as_str(), share.records))
        .collect();
    assert_eq!(shares, [("walleye", 15), ("salmon", 15)]);
    let training = one.training.as_ref().unwrap();
    assert_eq!((training.span, training.rows), (span(26, 75), 50));
    // Fish 80 was measured at second 158, the last one before the window was over at second 160.
    let retrained = one.retrained.unwrap();
    assert_eq!((retrained.after, retrained.wall_millis), (80, Some(13)));
    assert_eq!(one.first_answered, Some(81));
    let recovery = one.recovery.unwrap();
    assert_eq!((recovery.span, recovery.records), (span(61, 81), 20));
    assert_eq!(recovery.event_seconds, Some(40.0));
}

#[test]
fn an_incomplete_window_has_no_shares() {
    let mut report = Run::of(&plan());
    report.retrainings[0].cause.records = 30;
    let shares = |report| {
        let timeline = Timeline::of(report).unwrap();
        let window = &timeline.retrainings[0].window;
        (window.span.unwrap(), window.by_group.len())
    };
    assert_eq!(shares(&report), (span(46, 75), 2));
    // The last 15 of the window's 30 fish.
    assert_eq!(shares(&report.newest(120)), (span(1, 15), 0));
}

#[test]
fn a_superseded_trigger_has_a_window_and_nothing_else() {
    let timeline = Timeline::of(&Run::of(&plan())).unwrap();
    let late = &timeline.retrainings[1];
    assert_eq!(late.outcome.as_deref(), Some("superseded"));
    assert_eq!(late.window.span, Some(span(76, 80)));
    assert_eq!((late.retrained, late.first_answered), (None, None));
    assert_eq!((&late.training, late.recovery), (&None, None));
}

#[test]
fn a_model_version_spans_the_fish_that_it_answered() {
    let timeline = Timeline::of(&Run::of(&plan())).unwrap();
    let models: Vec<_> = timeline
        .models
        .iter()
        .map(|model| (model.version.clone(), model.span))
        .collect();
    let expected = [
        (Some(version(0)), span(1, 80)),
        (Some(version(1)), span(81, 180)),
    ];
    assert_eq!(models, expected);
}

#[test]
fn a_retraining_is_marked_after_its_newest_row() {
    let mut report = Run::of(&plan());
    // Fish 79 was weighed at second 166, after the window's end.
    report.retrainings[0].last_row = Some("79".into());
    report.retrainings[0].version = None;
    assert_eq!(report.record_rows[78].weighed, Some(time(166)));
    let timeline = Timeline::of(&report).unwrap();
    // At second 166 fish 83 had been measured (at 164), fish 84 had not been before it.
    assert_eq!(timeline.retrainings[0].retrained.unwrap().after, 83);
}

#[test]
fn each_model_version_has_a_panel_with_its_fish() {
    let weights = Weights::of(&Run::of(&plan())).unwrap();
    let panels: Vec<_> = weights
        .panels
        .iter()
        .map(|panel| (panel.version.clone(), panel.points.len()))
        .collect();
    assert_eq!(panels, [(version(0), 80), (version(1), 100)]);
    assert_eq!(weights.incomplete, 0);
}

#[test]
fn a_fish_without_a_weight_is_counted_and_has_no_error() {
    let mut report = Run::of(&plan());
    report.record_rows[3].actual = None;
    report.record_rows[3].error = None;
    assert_eq!(Weights::of(&report).unwrap().incomplete, 1);
    assert_eq!(Timeline::of(&report).unwrap().records[3].error, None);
}

#[test]
fn a_number_that_cannot_be_drawn_is_rejected() {
    let mut report = Run::of(&plan());
    report.record_rows[3].error = Some(-0.1);
    let rejected = Timeline::of(&report).unwrap_err();
    assert!(matches!(&rejected, PlotError::Value { field, .. } if field == "fish_rows[3].error"));
    report.record_rows[3].error = None;
    report.record_rows[4].actual = Some(f64::INFINITY);
    let rejected = Weights::of(&report).unwrap_err().to_string();
    assert!(
        rejected.contains("fish_rows[4].actual is inf"),
        "{rejected}"
    );
}

#[test]
fn very_long_names_are_cut() {
    let mut report = Run::of(&plan());
    let long = "é".repeat(100_000);
    report.record_rows[3].id = long.clone();
    report.record_rows[3].group = Some(long.clone());
    report.record_rows[3].model_version = Some(long.clone());
    report.retrainings[0].erring_version = long;
    for marks in [
        format!("{:?}", Timeline::of(&report).unwrap()),
        format!("{:?}", Weights::of(&report).unwrap()),
    ] {
        assert!(marks.contains(&format!("\"{}…\"", "é".repeat(64))));
        assert!(!marks.contains(&"é".repeat(65)));
    }
}
