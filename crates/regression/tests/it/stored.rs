//! Models serialized as JSON and deserialized.

use regression::{FittedModel, Formula, fit};
use serde_json::Value;

use crate::support::{CASES, table, text};

fn models() -> impl Iterator<Item = FittedModel> {
    let formula: Formula = "weight ~ length + height + species".parse().unwrap();
    CASES
        .iter()
        .map(move |case| fit(&formula, &table(&format!("{case}.csv"))).expect(case))
}

#[test]
fn a_deserialized_model_predicts_the_same_bit_for_bit() {
    for model in models() {
        let read: FittedModel =
            serde_json::from_str(&serde_json::to_string(&model).unwrap()).unwrap();
        assert_eq!(read, model);
        for level in ["salmon", "walleye", "eel"] {
            let (a, b) = (
                model.predict(&[81.3, 17.7], &[level]).unwrap(),
                read.predict(&[81.3, 17.7], &[level]).unwrap(),
            );
            assert_eq!(
                [a.value, a.lower, a.upper].map(f64::to_bits),
                [b.value, b.lower, b.upper].map(f64::to_bits)
            );
        }
        assert_eq!(read.summary().to_string(), model.summary().to_string());
    }
}

#[test]
fn a_serialized_model_has_no_nested_arrays_and_no_null_numbers() {
    fn check(value: &Value, in_array: bool) {
        match value {
            Value::Array(items) => {
                assert!(!in_array, "a nested array");
                items.iter().for_each(|item| check(item, true));
            }
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                assert!(!key.contains(['.', '$']), "{key}");
                assert!(!value.is_null() || key == "pooled", "{key}");
                check(value, false);
            }),
            Value::Null => assert!(!in_array, "null in an array"),
            _ => {}
        }
    }
    for model in models() {
        check(&serde_json::to_value(&model).unwrap(), false);
    }
}

#[test]
fn an_inconsistent_model_is_not_deserialized() {
    let model = serde_json::to_value(models().nth(1).unwrap()).unwrap();
    let damaged = |damage: &dyn Fn(&mut Value)| {
        let mut copy = model.clone();
        damage(&mut copy);
        assert_ne!(copy, model, "the damage changed nothing");
        serde_json::from_value::<FittedModel>(copy)
            .expect_err("a damaged model")
            .to_string()
    };
    let shorten = |value: &mut Value| drop(value.as_array_mut().unwrap().pop());
    assert!(damaged(&|m| shorten(&mut m["full"]["estimates"])).contains("its fit does not match"));
    assert!(damaged(&|m| shorten(&mut m["full"]["inverse"])).contains("its fit does not match"));
    assert!(damaged(&|m| shorten(&mut m["pooled"]["fitted"])).contains("its pooled fit"));
    assert!(damaged(&|m| m["pooled"] = Value::Null).contains("its pooled fit is missing"));
    assert!(damaged(&|m| shorten(&mut m["left_out"])).contains("its row counts"));
    assert!(
        damaged(&|m| m["terms"][2]["levels"].as_array_mut().unwrap().reverse())
            .contains("out of order")
    );
    assert!(
        damaged(&|m| m["terms"][0]["name"] = "weight".into()).contains("do not form a formula")
    );
    assert!(damaged(&|m| m["full"]["estimates"][0] = Value::Null).contains("null"));
}

/// The files were written before formulas had functions and interactions.
#[test]
fn models_stored_by_earlier_versions_keep_their_bytes() {
    for case in ["three-species-50", "walleye-50"] {
        let stored = text(&format!("stored/{case}.json"));
        let read: FittedModel = serde_json::from_str(&stored).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), stored.trim_end());
        let formula: Formula = "weight ~ length + height + species".parse().unwrap();
        assert_eq!(read.formula(), formula);
        assert_eq!(read, fit(&formula, &table(&format!("{case}.csv"))).unwrap());
    }
}
