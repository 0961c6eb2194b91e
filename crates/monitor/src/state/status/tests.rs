use std::time::Duration;

use report::ledger::SeenRecord;
use report::{Ledger, Sources};
use serde_json::json;

use super::*;

/// A trigger for the minute from 13:39 without its records, and a record of an hour later.
fn triggered() -> Ledger {
    let start = 1_623_245_940_000_i64;
    let key = [b"v1".as_slice(), &start.to_be_bytes()].concat();
    let definition = Definition::shipped();
    let (key_field, group) = (&definition.key, definition.group().expect("a group"));
    let mut trigger = json!({"ModelVersion": "v1", "ErrorAvg": 0.8});
    trigger[&group.field] = json!(["north"]);
    trigger[format!("{key_field}_Start")] = "1".into();
    trigger[format!("{key_field}_End")] = "9".into();
    trigger[definition.count_field()] = 9.into();
    let trigger = trigger.to_string();
    let mut record = json!({"Timestamp": "2021-06-09T14:39:27.000Z"});
    record[key_field] = "900".into();
    record[&group.field] = "north".into();
    for column in definition.numbers() {
        record[&column.field] = 80.0.into();
    }
    let record = record.to_string();
    let mut ledger = Ledger::new(Definition::shipped());
    for (topic, key, value) in [
        ("weight-retrain", key.as_slice(), &trigger),
        ("machine-measurement", b"900", &record),
    ] {
        let (key, value) = (Some(key), Some(value.as_bytes()));
        ledger
            .note(SeenRecord { topic, key, value })
            .expect("valid");
    }
    ledger
}

/// A measured record with its prediction.
fn note_predicted(ledger: &mut Ledger, id: u32, level: &str, unseen: bool) {
    let definition = Definition::shipped();
    let mut record = json!({ "Timestamp": format!("2021-06-09T13:39:{id:02}.000Z") });
    record[&definition.key] = id.to_string().into();
    record[&definition.group().expect("a group").field] = level.into();
    for column in definition.numbers() {
        record[&column.field] = 80.0.into();
    }
    let mut predicted = record.clone();
    predicted["Prediction"] = json!({ "ModelTime": "t", "ModelVersion": "v1" });
    predicted["Prediction"][&definition.target().field] = 4.0.into();
    let flag = definition.unseen_field().expect("a category");
    predicted["Prediction"][flag] = unseen.into();
    let key = id.to_string();
    for (topic, value) in [
        (&definition.topics.measured, record),
        (&definition.topics.predicted, predicted),
    ] {
        let (key, value) = (Some(key.as_bytes()), value.to_string());
        let value = Some(value.as_bytes());
        ledger
            .note(SeenRecord { topic, key, value })
            .expect("valid");
    }
}

fn status_of(ledger: &Ledger) -> Status {
    let mut report = report::build(&Sources::of(ledger, 0.15, Duration::from_secs(60)));
    report.record_rows = report::record_rows(ledger, &report::Selection::default()).collect();
    Status::of(Inputs {
        report: &report,
        progress: &Progress::of(ledger),
        standstill: None,
        unwritten: &[],
        history_failure: None,
    })
}

#[test]
fn an_unseen_level_is_known_at_its_first_record() {
    let mut ledger = Ledger::new(Definition::shipped());
    for id in 1..=20 {
        note_predicted(&mut ledger, id, "north", false);
    }
    assert_eq!(status_of(&ledger).condition, Condition::Steady);
    note_predicted(&mut ledger, 21, "south", true);
    let status = status_of(&ledger);
    assert_eq!(status.condition, Condition::Unseen);
    let definition = Definition::shipped();
    let (record, records) = (&definition.record, &definition.records);
    let group = &definition.group().expect("a group").name;
    let expected = format!(
        "Predicting for an unseen {group} since {record} 21, 2021-06-09 13:39:21 UTC: south, 1 of the last \
         10 {records}."
    );
    assert_eq!(status.sentence, expected);
    // One odd record is forgotten after ten others.
    for id in 22..=31 {
        note_predicted(&mut ledger, id, "north", false);
    }
    assert_eq!(status_of(&ledger).condition, Condition::Steady);
}

#[test]
fn a_trigger_is_reported_after_its_records_are_forgotten() {
    let ledger = triggered();
    let report = report::build(&Sources::of(&ledger, 0.15, Duration::from_secs(60)));
    let status = Status::of(Inputs {
        report: &report,
        progress: &Progress::of(&ledger),
        standstill: None,
        unwritten: &[],
        history_failure: None,
    });
    assert_eq!(status.condition, Condition::Steady);
    let expected =
        "The last window whose mean error passed 15.0 % ended at 2021-06-09 13:40:00 UTC.";
    assert_eq!(status.sentence, expected);
}
