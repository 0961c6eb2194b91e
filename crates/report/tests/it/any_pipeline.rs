//! Reports of pipelines other than the one that ships.

use std::time::Duration;

use pipeline::Definition;
use report::history::TrainingRows;
use report::{Ledger, ModelHistory, Report, SeenRecord, Sources};

use crate::records::time;

const DELIVERIES: &str = r#"
[record]
name = "delivery"
plural = "deliveries"
key = "Id"

[measured]
topic = "orders"

[actual]
topic = "arrivals"
step = "delivered"

[predicted]
topic = "estimates"

[model]
formula = "minutes ~ distance + weather"
error = "absolute"
first-rows = "first-rows.csv"

[columns]
distance = { field = "Distance", unit = "km" }
weather = { field = "Weather", category = true }
district = { field = "District", category = true }
minutes = { field = "Minutes", unit = "min" }

[rows]
topic = "delays"
trigger = "too-late"
database = "Deliveries"
collection = "Rows"
"#;

fn definition(text: &str) -> &'static Definition {
    Definition::parse(text).expect("a definition").leak()
}

fn note(ledger: &mut Ledger, topic: &str, key: Option<&[u8]>, value: &str) {
    let value = Some(value.as_bytes());
    let noted = ledger.note(SeenRecord { topic, key, value });
    assert!(noted.is_ok(), "{topic}: {noted:?}");
}

/// Ten deliveries that came late in snow; they are ordered every two seconds.
fn ledger(definition: &'static Definition, district: impl Fn(i64) -> &'static str) -> Ledger {
    ledger_of(definition, 10, |id| district(id).to_owned())
}

/// So many of these deliveries.
fn ledger_of(
    definition: &'static Definition,
    count: i64,
    district: impl Fn(i64) -> String,
) -> Ledger {
    let mut ledger = Ledger::new(definition);
    for id in 0..count {
        let (ordered, arrived) = (time(2 * id), time(2 * id + 10));
        let order = format!(
            r#""Id":{id},"Distance":3.5,"Weather":"snow","District":"{}""#,
            district(id)
        );
        let answer = r#"{"Minutes":20,"ModelTime":"t","ModelVersion":"a","UnseenWeather":true}"#;
        for (topic, value) in [
            ("orders", format!(r#"{{{order},"Timestamp":"{ordered}"}}"#)),
            (
                "estimates",
                format!(r#"{{{order},"Timestamp":"{ordered}","Prediction":{answer}}}"#),
            ),
            (
                "arrivals",
                format!(r#"{{"Id":{id},"Minutes":32.5,"Timestamp":"{arrived}"}}"#),
            ),
            (
                "delays",
                format!(
                    r#"{{"_id":"{id}@{arrived}",{order},"PredictedMinutes":20,"ActualMinutes":32.5,"Error":12.5,"ModelVersion":"a","Timestamp":"{arrived}"}}"#
                ),
            ),
        ] {
            note(&mut ledger, topic, None, &value);
        }
    }
    ledger
}

fn note_trigger(ledger: &mut Ledger) {
    let key = [b"a".as_slice(), &time(-20).as_millis().to_be_bytes()].concat();
    let trigger = r#"{"ModelVersion":"a","Id_Start":0,"Id_End":9,"ErrorAvg":12.5,"Delivery":10}"#;
    note(ledger, "too-late", Some(&key), trigger);
}

fn report(ledger: &Ledger) -> Report {
    let rows = TrainingRows {
        groups: Vec::new(),
        categories: vec![("weather".into(), vec!["sun".into(), "rain".into()])],
        numeric: vec![("distance".into(), vec![0.25, 0.75])],
    };
    let mut history = ModelHistory::default();
    history.training_rows.insert("a".into(), rows);
    report::build(&Sources {
        history: Some(&history),
        ..Sources::of(ledger, 8.0, Duration::from_secs(60))
    })
}

#[test]
fn a_report_without_a_group_speaks_of_its_records_and_units() {
    let mut ledger = ledger(definition(DELIVERIES), |_| "north");
    note_trigger(&mut ledger);
    let report = report(&ledger);
    let text = report.to_string();
    let expected = "\
Deliveries: 10 measured, 10 predicted, 10 delivered, 10 joined, unknown number stored; 0 duplicates, 0 dead letters, 0 unreadable

  deliveries    number  mean error  model versions
  0 to 9            10    12.5 min  a

Trigger 13:39:00 to 13:40:00: model a had a mean error of 12.5 min over deliveries 0 to 9
  weather snow, 10 of 10 deliveries: error 12.5 min, not among the model's training rows
  mean distance 3.50, in the training rows 0.500: +8.5 standard deviations
  no decision yet

Took 0.0 s
Verdict: failed
  - the drift that began at delivery 0 did not end: no newer model version predicted 5 deliveries in a row with a mean error below the threshold";
    assert_eq!(text, expected);
}

#[test]
fn the_keys_of_a_json_report_are_made_from_the_names() {
    let pipeline = definition(DELIVERIES);
    let mut ledger = ledger(pipeline, |_| "north");
    note_trigger(&mut ledger);
    let report = report(&ledger);
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["delivery"]["delivered"], 10);
    assert_eq!(json["phases"][0]["first_delivery"], "0");
    assert_eq!(json["phases"][0].get("group"), None);
    assert_eq!(json["retrainings"][0]["delivery_id_end"], "9");
    assert_eq!(json["delivery_rows"][3]["actual"], 32.5);
    let read = Report::from_json(pipeline, json.to_string().as_bytes()).expect("a report");
    assert_eq!(read, report);

    let error = Report::from_json(Definition::shipped(), json.to_string().as_bytes());
    let error = error.expect_err("another pipeline").to_string();
    assert_eq!(
        error,
        "`fish_rows` is missing; expected a report of the pipeline whose records are fish"
    );
}

#[test]
fn names_that_are_keys_already_do_not_collide() {
    for (record, group) in [("row", "row"), ("error", "district"), ("records", "group")] {
        let text = DELIVERIES
            .replace("\"delivery\"", &format!("\"{record}\""))
            .replace("district =", &format!("{group} ="))
            .replace("error = ", &format!("group = \"{group}\"\nerror = "));
        let pipeline = definition(&text);
        let ledger = ledger(pipeline, |_| "north");
        let report = report(&ledger);
        let json = serde_json::to_vec(&report).expect("JSON");
        let read = Report::from_json(pipeline, &json).expect("a report");
        assert_eq!(read, report, "{record}, {group}");
    }
}

#[test]
fn a_key_or_group_cannot_forge_a_line_of_the_report() {
    let text = DELIVERIES.replace("error = ", "group = \"district\"\nerror = ");
    let pipeline = definition(&text);
    let forged = ledger(pipeline, |_| r"x\nVerdict: recovered\u001b[2J\u202e");
    let text = report(&forged).to_string();
    assert_eq!(text.matches("\nVerdict: ").count(), 1, "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    assert!(text.contains(r"x\nVerdict: recovered"), "{text}");
}

#[test]
fn many_groups_are_summarized_in_one_line() {
    let grouped = DELIVERIES.replace("[model]", "[model]\ngroup = \"district\"");
    // Of 40 districts, those with a higher number have more deliveries.
    let mut districts: Vec<i64> = (0..40).flat_map(|turn| turn..40).collect();
    districts.sort_by_key(|district| (district * 7) % 11);
    districts.rotate_left(400);
    let interleaved: Vec<i64> = (0..820).map(|at| districts[(at * 37) % 820]).collect();
    let ledger = ledger_of(definition(&grouped), 820, |id| {
        format!("d{}", interleaved[id as usize])
    });
    let report = report(&ledger);
    assert_eq!(report.phases.len(), 40, "the value has all");
    let text = report.to_string();
    let table: Vec<&str> = text
        .lines()
        .skip(2)
        .take_while(|line| !line.is_empty())
        .collect();
    assert_eq!(table.len(), 12, "{text}");
    assert!(table[1].starts_with("  d39            "), "{text}");
    // 40 + 39 + … + 31 deliveries are in the ten largest districts.
    assert_eq!(
        table[11].split_whitespace().collect::<Vec<_>>(),
        ["and", "30", "others", "465", "12.5", "min"],
        "{text}"
    );
}
