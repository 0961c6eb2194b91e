//! Records of any pipeline: which values are read, and that errors name the field.

use pipeline::{Definition, MessageError};
use serde_json::{Value, json};

use crate::samples::{example_diff, example_prediction, example_trigger};

type Read = fn(&Definition, &[u8]) -> Result<(), MessageError>;

fn read(reader: Read, value: &Value) -> Result<(), String> {
    reader(Definition::shipped(), value.to_string().as_bytes()).map_err(|error| error.to_string())
}

/// Checks for each required field that its absence, `null` and a wrong type are errors that name it.
fn every_field_is_needed(reader: Read, example: &Value, optional: &[&str]) {
    assert_eq!(read(reader, example), Ok(()), "{example}");
    for field in example.as_object().unwrap().keys() {
        if optional.contains(&field.as_str()) {
            continue;
        }
        let mut missing = example.clone();
        missing.as_object_mut().unwrap().shift_remove(field);
        assert_eq!(
            read(reader, &missing),
            Err(format!("field `{field}`: is missing"))
        );
        for wrong in [Value::Null, json!(true), json!([1]), json!({"a": 1})] {
            let mut changed = example.clone();
            changed[field] = wrong.clone();
            let error = read(reader, &changed).expect_err(field);
            assert!(
                error.starts_with(&format!("field `{field}`: expected "))
                    || error.contains(&format!("`{field}.")),
                "{error}"
            );
        }
    }
}

#[test]
fn errors_name_the_missing_or_mistyped_field_of_any_topic() {
    let mut measured = example_prediction();
    measured.as_object_mut().unwrap().shift_remove("Prediction");
    let mut actual = measured.clone();
    actual["Weight"] = json!(4.4);
    let unused = ["Species", "Length", "Height"];
    every_field_is_needed(|p, bytes| p.read_measured(bytes).map(drop), &measured, &[]);
    every_field_is_needed(|p, bytes| p.read_actual(bytes).map(drop), &actual, &unused);
    every_field_is_needed(
        |p, bytes| p.read_predicted(bytes).map(drop),
        &example_prediction(),
        &[],
    );
    every_field_is_needed(
        |p, bytes| p.read_joined(bytes).map(drop),
        &example_diff(),
        &["Key", "ModelTime"],
    );
    every_field_is_needed(
        |p, bytes| p.read_trigger(bytes).map(drop),
        &example_trigger(),
        &[],
    );
}

#[test]
fn values_are_read_in_the_order_of_the_formula() {
    let joined = Definition::shipped()
        .read_joined(example_diff().to_string().as_bytes())
        .unwrap();
    assert_eq!(*joined.inputs.numbers, [86.37, 18.74]);
    assert_eq!(joined.inputs.group.as_deref(), Some("salmon"));
    assert_eq!(
        (joined.predicted, joined.actual, joined.error),
        (3.6789, 4.4399, 0.171)
    );
}

#[test]
fn a_field_of_the_prediction_is_named_with_its_path() {
    let mut example = example_prediction();
    example["Prediction"]["Weight"] = json!("NaN");
    let reader: Read = |p, bytes| p.read_predicted(bytes).map(drop);
    assert_eq!(
        read(reader, &example),
        Err("field `Prediction.Weight`: expected a number, got a text".into())
    );
}

#[test]
fn a_key_may_be_a_number() {
    let mut example = example_diff();
    example["Fish_Id"] = json!(17);
    let joined = Definition::shipped()
        .read_joined(example.to_string().as_bytes())
        .unwrap();
    assert_eq!(joined.key, "17");
}

#[test]
fn a_field_given_twice_is_an_error() {
    let twice =
        br#"{"Fish_Id":"1","Fish_Id":"2","Weight":1,"Timestamp":"2021-06-09T13:39:27.971Z"}"#;
    let error = Definition::shipped()
        .read_actual(twice)
        .unwrap_err()
        .to_string();
    assert!(error.contains("`Fish_Id` occurs twice"), "{error}");
}

#[test]
fn anything_but_one_json_object_is_an_error() {
    let whole = example_prediction().to_string();
    let two = format!("{whole}{whole}");
    for bytes in [
        b"" as &[u8],
        b"null",
        b"1",
        b"[1]",
        two.as_bytes(),
        &whole.as_bytes()[..40],
        b"\xff{}",
    ] {
        let error = Definition::shipped().read_measured(bytes).unwrap_err();
        assert!(matches!(error, MessageError::NotJson(_)), "{error}");
    }
}
