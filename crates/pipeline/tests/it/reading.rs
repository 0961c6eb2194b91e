//! Which values are read, and that errors name the field.

use pipeline::{
    FromWire, Measurement, MessageError, RetrainTrigger, Weighing, WeightDiff, WeightPrediction,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::samples::{self, example_diff, example_prediction, example_trigger};

/// The field that the error for `bytes` names.
fn error_field<T: FromWire>(bytes: &[u8]) -> String {
    match T::from_wire(bytes).map(|_| "accepted") {
        Err(MessageError::Field { field, .. }) => field,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(bytes)),
    }
}

/// Checks for each field of `example` that its absence, `null` and a wrong type are errors that name it.
fn every_field_is_needed<T: FromWire>(example: &Value) {
    assert!(
        T::from_wire(example.to_string().as_bytes()).is_ok(),
        "{example}"
    );
    for field in example.as_object().unwrap().keys() {
        let mut missing = example.clone();
        missing.as_object_mut().unwrap().shift_remove(field);
        assert_eq!(error_field::<T>(missing.to_string().as_bytes()), *field);
        let text = T::from_wire(missing.to_string().as_bytes())
            .err()
            .unwrap()
            .to_string();
        assert_eq!(text, format!("field `{field}`: is missing"));
        for wrong in [
            Value::Null,
            json!(true),
            json!([1]),
            json!([["x"]]),
            json!({"a": 1}),
        ] {
            let mut changed = example.clone();
            changed[field] = wrong;
            let named = error_field::<T>(changed.to_string().as_bytes());
            assert!(
                named == *field
                    || named.starts_with(&format!("{field}."))
                    || named.starts_with(&format!("{field}[")),
                "`{named}` where `{field}` is wrong"
            );
        }
    }
}

#[test]
fn errors_name_the_missing_or_mistyped_field_of_any_topic() {
    let mut weighing = example_prediction();
    weighing["Weight"] = json!(4.4);
    for unused in ["Prediction", "Length", "Height"] {
        weighing.as_object_mut().unwrap().shift_remove(unused);
    }
    let mut measurement = example_prediction();
    measurement
        .as_object_mut()
        .unwrap()
        .shift_remove("Prediction");

    every_field_is_needed::<Measurement>(&measurement);
    every_field_is_needed::<Weighing>(&weighing);
    every_field_is_needed::<WeightPrediction>(&example_prediction());
    every_field_is_needed::<WeightDiff>(&example_diff());
    every_field_is_needed::<RetrainTrigger>(&example_trigger());
}

#[test]
fn errors_name_a_field_of_the_prediction_with_its_path() {
    for field in ["Weight", "ModelTime", "ModelVersion"] {
        let mut missing = example_prediction();
        missing["Prediction"]
            .as_object_mut()
            .unwrap()
            .shift_remove(field);
        let named = error_field::<WeightPrediction>(missing.to_string().as_bytes());
        assert_eq!(named, format!("Prediction.{field}"));
    }
    let mut text = example_prediction();
    text["Prediction"]["Weight"] = json!("NaN");
    let named = error_field::<WeightPrediction>(text.to_string().as_bytes());
    assert_eq!(named, "Prediction.Weight");
}

#[test]
fn errors_name_a_number_that_is_not_finite() {
    for spelling in [
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        "-Infinity",
        "\"NaN\"",
        "\"1\"",
        "null",
    ] {
        let with = |field: &str, number: &str| {
            example_prediction()
                .to_string()
                .replace(&format!("{field}:{number}"), &format!("{field}:{spelling}"))
        };
        let length = with("\"Length\"", "86.37");
        assert_eq!(
            error_field::<Measurement>(length.as_bytes()),
            "Length",
            "{spelling}"
        );
        let weight = with("\"Weight\"", "3.6789");
        let named = error_field::<WeightPrediction>(weight.as_bytes());
        assert_eq!(named, "Prediction.Weight", "{spelling}");
    }
}

#[test]
fn errors_name_a_field_given_twice() {
    let twice = br#"{"Fish_Id":"1","Fish_Id":"2","Species":"s","Weight":1,"Timestamp":"2021-06-09T13:39:27.971Z"}"#;
    let error = Weighing::from_wire(twice)
        .expect_err("ambiguous")
        .to_string();
    assert!(error.contains("Fish_Id"), "{error}");
}

#[test]
fn anything_but_one_json_object_is_an_error() {
    let fields_in_order = br#"["1","salmon",86.37,18.74,"2021-06-09T13:39:27.971Z"]"#;
    let whole = example_prediction().to_string();
    let two = format!("{whole}{whole}");
    let cut = &whole.as_bytes()[..whole.len() / 2];
    let not_utf8 = b"\xff\xfe{}";
    for bytes in [
        b"" as &[u8],
        b" ",
        b"null",
        b"1",
        b"\"x\"",
        fields_in_order,
        two.as_bytes(),
        cut,
        not_utf8,
    ] {
        let error = Measurement::from_wire(bytes).expect_err("not one object");
        assert!(matches!(error, MessageError::NotJson(_)), "{error}");
    }
}

#[test]
fn a_prediction_that_is_an_array_is_an_error() {
    let mut array = example_prediction();
    array["Prediction"] = json!([3.6789, "2021-06-02 07:48:52", "f00d"]);
    assert_eq!(
        error_field::<WeightPrediction>(array.to_string().as_bytes()),
        "Prediction"
    );
}

/// Any JSON value, nested.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        samples::number().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn unknown_fields_are_ignored(
        name in any::<String>(),
        value in any_json(),
        inside in any_json(),
        first in any::<bool>(),
    ) {
        let example = example_prediction();
        prop_assume!(example.get(&name).is_none() && example["Prediction"].get(&name).is_none());
        let mut more = example.clone();
        more["Prediction"][&name] = inside;
        let fields = more.as_object_mut().unwrap();
        fields.shift_insert(if first { 0 } else { fields.len() }, name, value);
        let read = WeightPrediction::from_wire(more.to_string().as_bytes());
        let plain = WeightPrediction::from_wire(example.to_string().as_bytes());
        prop_assert_eq!(read.ok(), plain.ok());
    }

    #[test]
    fn no_bytes_panic_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = WeightPrediction::from_wire(&bytes);
    }
}
