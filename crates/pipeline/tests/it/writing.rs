//! Written records can be read back, and have the format of the contract.

use pipeline::{FromWire, Measurement, MessageError, Prediction, ToWire, Weighing};
use proptest::prelude::*;

use crate::samples;

proptest! {
    #[test]
    fn written_records_are_read_back(
        measurement in samples::measurement(),
        weighing in samples::weighing(),
        prediction in samples::weight_prediction(),
        diff in samples::weight_diff(),
        trigger in samples::retrain_trigger(),
    ) {
        prop_assert_eq!(FromWire::from_wire(&measurement.to_wire().unwrap()).ok(), Some(measurement));
        prop_assert_eq!(FromWire::from_wire(&weighing.to_wire().unwrap()).ok(), Some(weighing));
        prop_assert_eq!(FromWire::from_wire(&prediction.to_wire().unwrap()).ok(), Some(prediction));
        prop_assert_eq!(FromWire::from_wire(&diff.to_wire().unwrap()).ok(), Some(diff));
        prop_assert_eq!(FromWire::from_wire(&trigger.to_wire().unwrap()).ok(), Some(trigger));
    }

    #[test]
    fn errors_name_a_number_that_json_cannot_represent(
        mut measurement in samples::measurement(),
        mut prediction in samples::weight_prediction(),
        bad in prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ) {
        measurement.height_cm = bad;
        prop_assert_eq!(named(measurement.to_wire()), "Height");
        prediction.prediction.weight_kg = bad;
        prop_assert_eq!(named(prediction.to_wire()), "Prediction.Weight");
    }
}

fn named(outcome: Result<Vec<u8>, MessageError>) -> String {
    match outcome {
        Err(MessageError::Field { field, reason }) => {
            assert!(reason.contains("not a finite number"), "{reason}");
            field
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_producers_records_have_the_format_of_the_contract() {
    let measurement = r#"{"Fish_Id":"1","Species":"salmon","Length":86.37,"Height":18.74,"Timestamp":"2021-06-09T13:39:27.971Z"}"#;
    let weighing = r#"{"Fish_Id":"1","Species":"salmon","Weight":4.4399,"Timestamp":"2021-06-09T13:39:37.971Z"}"#;
    let prediction = r#"{"Weight":3.6789,"ModelTime":"2021-06-02 07:48:52","ModelVersion":"f00d"}"#;
    assert_eq!(rewritten::<Measurement>(measurement), measurement);
    assert_eq!(rewritten::<Weighing>(weighing), weighing);
    assert_eq!(rewritten::<Prediction>(prediction), prediction);
}

#[test]
fn sql_and_predictor_records_have_the_contracts_fields() {
    fn fields<T: FromWire + ToWire>(example: &serde_json::Value) -> serde_json::Value {
        let record = T::from_wire(example.to_string().as_bytes()).unwrap();
        serde_json::from_slice(&record.to_wire().unwrap()).unwrap()
    }
    let prediction = samples::example_prediction();
    assert_eq!(
        fields::<pipeline::WeightPrediction>(&prediction),
        prediction
    );
    let diff = samples::example_diff();
    assert_eq!(fields::<pipeline::WeightDiff>(&diff), diff);
    let trigger = samples::example_trigger();
    assert_eq!(fields::<pipeline::RetrainTrigger>(&trigger), trigger);
}

fn rewritten<T: FromWire + ToWire>(text: &str) -> String {
    String::from_utf8(T::from_wire(text.as_bytes()).unwrap().to_wire().unwrap()).unwrap()
}
