//! What is called how.

use crate::{Case, noise, rows};

#[test]
fn the_folder_gives_its_name_to_records_topics_and_connectors() {
    let text = rows("x,y", 100, |n| {
        format!("{},{}", noise(n), 1.0 + noise(n + 5))
    });
    let case = Case::new(&text, "y");
    case.run().unwrap();
    let definition = case.folder().definition;
    assert_eq!(
        (definition.record.as_str(), definition.records.as_str()),
        ("delivery", "deliveries")
    );
    assert_eq!(
        definition.topics.all(),
        [
            "delivery-measured",
            "delivery-actual",
            "delivery-predicted",
            "delivery-errors",
            "delivery-retrain"
        ]
    );
    let rows = case.text("connectors/rows.json");
    for expected in [
        "\"name\": \"delivery-rows\"",
        "\"topics\": \"delivery-errors\"",
        "\"database\": \"delivery\"",
        "\"collection\": \"rows\"",
        "\"errors.deadletterqueue.topic.name\": \"delivery-errors-dlq\"",
    ] {
        assert!(rows.contains(expected), "{expected}: {rows}");
    }
    let retrain = case.text("connectors/retrain.json");
    for expected in [
        "\"name\": \"delivery-retrain\"",
        "\"topics\": \"delivery-retrain\"",
        "delivery-retrain-dlq",
    ] {
        assert!(retrain.contains(expected), "{expected}: {retrain}");
    }
    for text in [rows, retrain] {
        assert!(
            !text.contains("eight") && !text.contains("TrainingData"),
            "{text}"
        );
    }
}
