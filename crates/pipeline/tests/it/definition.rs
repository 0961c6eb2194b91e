//! `pipeline.toml`: what is read, and what errors say.

use pipeline::{Definition, ErrorKind};

const SHIPPED: &str = include_str!("../../../../pipeline.toml");

/// A pipeline without a group, with a numeric key and unusual names.
const METERS: &str = r#"
[record]
name = "reading"
key = "meter"
[measured]
topic = "readings"
[actual]
topic = "bills"
[predicted]
topic = "forecasts"
[model]
formula = "`kWh (net)` ~ `température` + tariff + tariff_2"
error = "absolute"
first-rows = "first.csv"
[columns]
"kWh (net)" = { field = "kwh", unit = "kWh", at-least = -100, below = 5000.5 }
"température" = { field = "temp \"out\"", unit = "°C" }
tariff = { field = "Tariff", category = true }
tariff_2 = { field = "Tariff2", category = true }
[rows]
topic = "errors"
trigger = "retrain"
database = "energy"
collection = "rows"
"#;

#[test]
fn the_shipped_definition_is_the_fish_factory() {
    let fish = Definition::shipped();
    let inputs: Vec<_> = fish.inputs().map(|column| column.name.as_str()).collect();
    assert_eq!(inputs, ["length", "height", "species"]);
    assert_eq!(fish.target().field, "Weight");
    assert_eq!(
        fish.group().map(|group| group.field.as_str()),
        Some("Species")
    );
    assert_eq!(fish.group_among_categories(), Some(0));
    assert_eq!(fish.topics.all(), pipeline::topics::ALL);
    assert_eq!(
        (fish.actual_field(), fish.count_field()),
        ("ActualWeight".into(), "Fish".into())
    );
    assert_eq!(fish.unseen_field().as_deref(), Some("UnseenSpecies"));
    assert_eq!(fish.counted(2), "2 fish");
}

#[test]
fn columns_may_have_any_name_and_limits() {
    let meters = Definition::parse(METERS).unwrap();
    assert_eq!(meters.records, "readings");
    assert_eq!(meters.error, ErrorKind::Absolute);
    let numbers: Vec<_> = meters
        .numbers()
        .map(|column| column.field.as_str())
        .collect();
    assert_eq!(numbers, ["temp \"out\""]);
    assert_eq!(meters.categories().len(), 2);
    assert_eq!(meters.unseen_field().as_deref(), Some("Unseen"));
    let target = meters.target();
    for (value, fault) in [
        (-100.0, None),
        (-100.5, Some("must be at least -100")),
        (5000.5, Some("must be less than 5000.5")),
        (f64::NAN, Some("is not a finite number")),
    ] {
        assert_eq!(target.number_fault(value), fault, "{value}");
    }
}

#[test]
fn an_error_names_the_key_and_what_is_expected() {
    for (from, to, expected) in [
        (
            "key = \"Fish_Id\"",
            "kee = \"Fish_Id\"",
            "unknown field `kee`, expected one of `name`, `plural`, `key`",
        ),
        (
            "key = \"Fish_Id\"",
            "key = \"Species\"",
            "columns.species: the field `Species` is the key",
        ),
        ("[predicted]", "[forecast]", "unknown field `forecast`"),
        (
            "weight ~ length",
            "weight ~ width",
            "model.formula: `width` is not a column; [columns] has length, height, species, weight",
        ),
        ("weight ~ length", "species ~ length", "model.formula"),
        (
            "weight ~ length",
            "weight = length",
            "model.formula: formula `weight = length",
        ),
        (
            "group = \"species\"",
            "group = \"length\"",
            "model.group: `length` is a number",
        ),
        (
            "\"relative\"",
            "\"squared\"",
            "unknown variant `squared`, expected `relative` or `absolute`",
        ),
        (
            "\"weight-diff\"",
            "\"weight diff\"",
            "rows.topic: `weight diff` is not the name of a topic",
        ),
        (
            "\"weight-diff\"",
            "\"machine-weight\"",
            "rows.topic: `machine-weight` is also actual.topic",
        ),
        (
            "\"weight-diff\"",
            "\"x-dlq\"",
            "rows.topic: `x-dlq`: the suffix -dlq",
        ),
        (
            "field = \"Height\"",
            "field = \"Length\"",
            "columns.height: another column has the field `Length` too",
        ),
        (
            "field = \"Height\"",
            "field = \"Error\"",
            "columns.height: the field `Error` has a meaning of its own",
        ),
        (
            "category = true",
            "category = true, unit = \"x\"",
            "columns.species: a category has neither a unit nor limits",
        ),
        (
            "field = \"Species\"",
            "field = \"Formula\"",
            "model.group: the field `Formula` of `species` is also a field of model versions",
        ),
        (
            "\"TrainingData\"",
            "\"models\"",
            "rows.collection: `Models` is the collection of the model server",
        ),
        (
            "example = 86.37",
            "example = -1",
            "columns.length: the example must be greater than 0",
        ),
        ("above = 0 }", "above = \"zero\" }", "expected f64"),
        (
            "unit = \"kg\"",
            "units = \"kg\"",
            "columns.weight: unknown field `units`",
        ),
    ] {
        let text = SHIPPED.replacen(from, to, 1);
        assert_ne!(text, SHIPPED, "{from}");
        let error = Definition::parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
    let error = Definition::parse("[record\n").unwrap_err().to_string();
    assert!(error.contains("line 1, column"), "{error}");
}
