//! The SQL uses the topics and fields that the Rust types have.

use pipeline::{
    EventTime, Prediction, RetrainTrigger, ToWire, Weighing, WeightDiff, WeightPrediction, topics,
};
use regex::Regex;
use serde_json::Value;

use crate::project::{captures, files, text};

fn fields(record: &impl ToWire) -> Vec<String> {
    let value: Value = serde_json::from_slice(&record.to_wire().unwrap()).unwrap();
    value.as_object().unwrap().keys().cloned().collect()
}

fn time() -> EventTime {
    "2021-06-09T13:39:27.971Z".parse().unwrap()
}

fn prediction() -> Prediction {
    Prediction {
        weight_kg: 3.6,
        model_time: "2021-06-02 07:48:52".into(),
        model_version: "a".into(),
    }
}

fn predicted() -> WeightPrediction {
    WeightPrediction {
        fish_id: "1".into(),
        species: "salmon".into(),
        length_cm: 86.0,
        height_cm: 18.0,
        timestamp: time(),
        prediction: prediction(),
    }
}

fn weighing() -> Weighing {
    Weighing {
        fish_id: "1".into(),
        species: "salmon".into(),
        weight_kg: 4.4,
        timestamp: time(),
    }
}

fn diff() -> WeightDiff {
    WeightDiff {
        id: "1@t".into(),
        key: "Key".into(),
        fish_id: "1".into(),
        species: "salmon".into(),
        length_cm: 86.0,
        height_cm: 18.0,
        predicted_weight_kg: 3.6,
        actual_weight_kg: 4.4,
        error: 0.18,
        model_time: "2021-06-02 07:48:52".into(),
        model_version: "a".into(),
        timestamp: time(),
    }
}

fn trigger() -> RetrainTrigger {
    RetrainTrigger {
        model_version: "a".into(),
        species: vec!["salmon".into()],
        fish_id_start: "1".into(),
        fish_id_end: "30".into(),
        error_avg: 0.3,
        fish: 30,
    }
}

/// The SQL without its comments.
fn statements(file: &str) -> Vec<String> {
    let comment = Regex::new(r"--[^\n]*").unwrap();
    let code = comment.replace_all(&text(file), "").into_owned();
    code.split(';').map(str::to_owned).collect()
}

/// The statement that creates the stream or table on `topic`.
fn statement_on(file: &str, topic: &str) -> String {
    statements(file)
        .into_iter()
        .find(|one| one.contains(&format!("KAFKA_TOPIC='{topic}'")))
        .unwrap_or_else(|| panic!("{file} has no statement on {topic}"))
}

/// The columns that a `CREATE STREAM x (…)` declares, without the fields of a STRUCT.
fn declared(statement: &str) -> Vec<String> {
    let structs = Regex::new(r"STRUCT<[^>]*>").unwrap();
    let flat = structs.replace_all(statement, "STRUCT").into_owned();
    let column = Regex::new(r#""(\w+)"\s+(?:VARCHAR|DOUBLE|STRUCT|BIGINT|ARRAY)"#).unwrap();
    column.captures_iter(&flat).map(|c| c[1].into()).collect()
}

/// The columns of a SELECT, without the key (which is not part of the value).
fn selected(statement: &str) -> Vec<String> {
    let alias = Regex::new(r#"AS "(\w+)""#).unwrap();
    let names = alias.captures_iter(statement).map(|c| c[1].to_owned());
    names.filter(|name| !name.starts_with("Key_")).collect()
}

fn pipelines() -> Vec<String> {
    [files("ksql", ".sql"), files("ksql/alternatives", ".sql")].concat()
}

#[test]
fn the_sql_uses_only_topics_of_the_pipeline() {
    for file in pipelines() {
        for topic in captures(&text(&file), r"KAFKA_TOPIC\s*=\s*'([^']+)'") {
            assert!(topics::ALL.contains(&topic.as_str()), "{file}: {topic}");
        }
    }
}

#[test]
fn declared_columns_are_the_records_fields() {
    let predictions = statement_on("ksql/pipeline.sql", topics::WEIGHT_PREDICTION);
    assert_eq!(declared(&predictions), fields(&predicted()));
    let answer = captures(&predictions, r"STRUCT<([^>]*)>");
    let answer = answer.first().unwrap();
    let named = captures(answer, r#""(\w+)""#);
    assert_eq!(named, fields(&prediction()).into_iter().collect());
    let weights = statement_on("ksql/pipeline.sql", topics::MACHINE_WEIGHT);
    assert_eq!(declared(&weights), fields(&weighing()));
}

#[test]
fn selected_columns_are_the_records_fields() {
    let joined = statement_on("ksql/pipeline.sql", topics::WEIGHT_DIFF);
    assert_eq!(selected(&joined), fields(&diff()));
    for file in pipelines() {
        let window = statement_on(&file, topics::WEIGHT_RETRAIN);
        assert_eq!(selected(&window), fields(&trigger()), "{file}");
    }
}
