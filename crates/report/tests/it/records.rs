//! The records of fish that are measured every two seconds and weighed ten seconds later.

use pipeline::{EventTime, TriggerRecord, topics};
use report::{Ledger, SeenRecord};

const START: i64 = 1_623_245_960_000; // second 20 of a minute

pub(crate) fn time(second: i64) -> EventTime {
    EventTime::from_millis(START + second * 1000).expect("a time")
}

/// Adds a record; returns whether it could be read.
pub(crate) fn note(ledger: &mut Ledger, topic: &str, key: Option<&[u8]>, value: &str) -> bool {
    let value = Some(value.as_bytes());
    ledger.note(SeenRecord { topic, key, value }).is_ok()
}

pub(crate) fn measure(ledger: &mut Ledger, id: i64) {
    pass_steps(ledger, id, 1, "salmon", "a", 0.0);
}

/// All records of fish `id`: measured at `2 * id` seconds, weighed ten seconds later.
pub(crate) fn pass(ledger: &mut Ledger, id: i64, species: &str, version: &str, error: f64) {
    pass_steps(ledger, id, 4, species, version, error);
}

/// The first `steps` records of a fish: measurement, prediction, weighing, joined row.
pub(crate) fn pass_steps(
    ledger: &mut Ledger,
    id: i64,
    steps: usize,
    species: &str,
    version: &str,
    error: f64,
) {
    let (measured, weighed) = (time(2 * id), time(2 * id + 10));
    let fish = format!(
        r#""Fish_Id":"{id}","Species":"{species}","Length":80.0,"Height":19.0,"Timestamp":"{measured}""#
    );
    let answer = format!(r#"{{"Weight":4.0,"ModelTime":"t","ModelVersion":"{version}"}}"#);
    let weighing = format!(
        r#"{{"Fish_Id":"{id}","Species":"{species}","Weight":4.0,"Timestamp":"{weighed}"}}"#
    );
    let records = [
        ("machine-measurement", format!("{{{fish}}}")),
        (
            "weight-prediction",
            format!(r#"{{{fish},"Prediction":{answer}}}"#),
        ),
        ("machine-weight", weighing),
        ("weight-diff", row(&row_id(id), id, species, version, error)),
    ];
    for (topic, value) in records.iter().take(steps) {
        assert!(note(ledger, topic, None, value), "{topic}: {value}");
    }
}

/// The id (`_id`) of a fish's row.
pub(crate) fn row_id(id: i64) -> String {
    format!("{id}@{}", time(2 * id + 10))
}

/// A joined row of a fish.
pub(crate) fn row(row_id: &str, id: i64, species: &str, version: &str, error: f64) -> String {
    let weighed = time(2 * id + 10);
    format!(
        r#"{{"_id":"{row_id}","Key":"Key","Fish_Id":"{id}","Species":"{species}","Length":80.0,"Height":19.0,"PredictedWeight":4.0,"ActualWeight":4.0,"Error":{error},"ModelTime":"t","ModelVersion":"{version}","Timestamp":"{weighed}"}}"#
    )
}

/// A trigger for the window that starts at a second.
pub(crate) fn note_trigger(ledger: &mut Ledger, window_start: i64, trigger: &TriggerRecord) {
    let start = time(window_start).as_millis().to_be_bytes();
    let key = [trigger.model_version.as_bytes(), &start].concat();
    let value = serde_json::json!({
        "ModelVersion": trigger.model_version,
        "Species": trigger.groups,
        "Fish_Id_Start": trigger.first_key,
        "Fish_Id_End": trigger.last_key,
        "ErrorAvg": trigger.error_avg,
        "Fish": trigger.count,
    })
    .to_string();
    assert!(note(ledger, "weight-retrain", Some(&key), &value));
}

/// A dead letter of a topic: its record was too large, so it has no value.
pub(crate) fn note_dead_letter(ledger: &mut Ledger, topic: &str, key: &str) {
    let dead_letter = SeenRecord {
        topic: &topics::dead_letters_of(topic),
        key: Some(key.as_bytes()),
        value: None,
    };
    ledger
        .note(dead_letter)
        .expect("dead letters have no format");
}

pub(crate) fn ids(ledger: &Ledger) -> Vec<&str> {
    ledger
        .accounts()
        .into_iter()
        .map(|fish| fish.id())
        .collect()
}

/// Queries the store for all rows that it is not known to have; it has those with these ids.
pub(crate) fn store(ledger: &mut Ledger, ids: &[String]) {
    let (rows, _) = ledger.rows_to_check(None, usize::MAX);
    ledger.note_stored(&rows, &ids.iter().cloned().collect());
}
