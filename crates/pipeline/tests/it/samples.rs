//! Arbitrary records of each topic for property tests.

use pipeline::{
    EventTime, Measurement, Prediction, RetrainTrigger, Weighing, WeightDiff, WeightPrediction,
};
use proptest::prelude::*;
use serde_json::Value;

/// Any finite number, including subnormal ones.
pub(crate) fn number() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO
}

/// Any time of the years 0000 to 9999.
pub(crate) fn time() -> impl Strategy<Value = EventTime> {
    (-62_167_219_200_000..=253_402_207_199_999_i64)
        .prop_map(|ms| EventTime::from_millis(ms).unwrap())
}

/// Any text, including quotes, control characters and non-ASCII characters.
pub(crate) fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

pub(crate) fn measurement() -> impl Strategy<Value = Measurement> {
    (text(), text(), number(), number(), time()).prop_map(
        |(fish_id, species, length_cm, height_cm, timestamp)| Measurement {
            fish_id,
            species,
            length_cm,
            height_cm,
            timestamp,
        },
    )
}

pub(crate) fn weighing() -> impl Strategy<Value = Weighing> {
    (text(), text(), number(), time()).prop_map(|(fish_id, species, weight_kg, timestamp)| {
        Weighing {
            fish_id,
            species,
            weight_kg,
            timestamp,
        }
    })
}

pub(crate) fn prediction() -> impl Strategy<Value = Prediction> {
    (number(), text(), text()).prop_map(|(weight_kg, model_time, model_version)| Prediction {
        weight_kg,
        model_time,
        model_version,
    })
}

pub(crate) fn weight_prediction() -> impl Strategy<Value = WeightPrediction> {
    (measurement(), prediction()).prop_map(|(measured, prediction)| WeightPrediction {
        fish_id: measured.fish_id,
        species: measured.species,
        length_cm: measured.length_cm,
        height_cm: measured.height_cm,
        timestamp: measured.timestamp,
        prediction,
    })
}

pub(crate) fn weight_diff() -> impl Strategy<Value = WeightDiff> {
    (measurement(), prediction(), number(), number(), text()).prop_map(
        |(measured, prediction, actual_weight_kg, error, id)| WeightDiff {
            id,
            key: "Key".into(),
            fish_id: measured.fish_id,
            species: measured.species,
            length_cm: measured.length_cm,
            height_cm: measured.height_cm,
            predicted_weight_kg: prediction.weight_kg,
            actual_weight_kg,
            error,
            model_time: prediction.model_time,
            model_version: prediction.model_version,
            timestamp: measured.timestamp,
        },
    )
}

pub(crate) fn retrain_trigger() -> impl Strategy<Value = RetrainTrigger> {
    (
        text(),
        proptest::collection::vec(text(), 0..4),
        text(),
        text(),
        number(),
        any::<u64>(),
    )
        .prop_map(
            |(model_version, species, fish_id_start, fish_id_end, error_avg, fish)| {
                RetrainTrigger {
                    model_version,
                    species,
                    fish_id_start,
                    fish_id_end,
                    error_avg,
                    fish,
                }
            },
        )
}

/// An example value, for tests that break one of its fields.
pub(crate) fn example_prediction() -> Value {
    serde_json::json!({
        "Fish_Id": "1", "Species": "salmon", "Length": 86.37, "Height": 18.74,
        "Timestamp": "2021-06-09T13:39:27.971Z",
        "Prediction": {
            "Weight": 3.6789, "ModelTime": "2021-06-02 07:48:52", "ModelVersion": "f00d",
        },
    })
}

pub(crate) fn example_diff() -> Value {
    serde_json::json!({
        "_id": "1@2021-06-09T13:39:37.971Z", "Key": "Key", "Fish_Id": "1", "Species": "salmon",
        "Length": 86.37, "Height": 18.74, "PredictedWeight": 3.6789, "ActualWeight": 4.4399,
        "Error": 0.171, "ModelTime": "2021-06-02 07:48:52", "ModelVersion": "f00d",
        "Timestamp": "2021-06-09T13:39:37.971Z",
    })
}

pub(crate) fn example_trigger() -> Value {
    serde_json::json!({
        "ModelVersion": "f00d", "Species": ["salmon", "walleye"], "Fish_Id_Start": "46",
        "Fish_Id_End": "75", "ErrorAvg": 0.41, "Fish": 30,
    })
}
