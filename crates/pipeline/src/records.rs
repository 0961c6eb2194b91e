//! One type for the value of each topic.

use serde::{Deserialize, Serialize};

use crate::EventTime;
use crate::wire::{FromWire, ToWire, finite, object};

/// Value of [`machine-measurement`](crate::topics::MACHINE_MEASUREMENT): a fish was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Measurement {
    /// The fish's id, also the record's key.
    #[serde(rename = "Fish_Id")]
    pub fish_id: String,
    /// Its species.
    pub species: String,
    /// Length in centimetres.
    #[serde(rename = "Length", serialize_with = "finite")]
    pub length_cm: f64,
    /// Height in centimetres.
    #[serde(rename = "Height", serialize_with = "finite")]
    pub height_cm: f64,
    /// When it was measured; the record's Kafka timestamp.
    pub timestamp: EventTime,
}

/// Value of [`machine-weight`](crate::topics::MACHINE_WEIGHT): a fish was weighed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Weighing {
    /// The fish's id, also the record's key.
    #[serde(rename = "Fish_Id")]
    pub fish_id: String,
    /// Its species.
    pub species: String,
    /// Weight in kilograms.
    #[serde(rename = "Weight", serialize_with = "finite")]
    pub weight_kg: f64,
    /// When it was weighed; the record's Kafka timestamp.
    pub timestamp: EventTime,
}

/// The model's answer for one fish: the object under `Prediction`. Only the fields that the pipeline reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Prediction {
    /// Predicted weight in kilograms.
    #[serde(rename = "Weight", serialize_with = "finite")]
    pub weight_kg: f64,
    /// When the model was trained, by the wall clock: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub model_time: String,
    /// Id of the model version.
    pub model_version: String,
}

/// Value of [`weight-prediction`](crate::topics::WEIGHT_PREDICTION): the measurement followed by the
/// model's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WeightPrediction {
    /// The fish's id, also the record's key.
    #[serde(rename = "Fish_Id")]
    pub fish_id: String,
    /// Its species.
    pub species: String,
    /// Length in centimetres.
    #[serde(rename = "Length", serialize_with = "finite")]
    pub length_cm: f64,
    /// Height in centimetres.
    #[serde(rename = "Height", serialize_with = "finite")]
    pub height_cm: f64,
    /// When it was measured; the record's Kafka timestamp.
    pub timestamp: EventTime,
    /// The model's answer.
    #[serde(deserialize_with = "object")]
    pub prediction: Prediction,
}

/// Value of [`weight-diff`](crate::topics::WEIGHT_DIFF): predicted and actual weight of one fish.
///
/// The SQL writes `null` for a value that it cannot compute. Such a row is an error here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WeightDiff {
    /// The id of the row in every store: fish id, `@`, time of weighing.
    #[serde(rename = "_id")]
    pub id: String,
    /// Always `Key`, as in the original pipeline.
    pub key: String,
    /// The fish's id, also the record's key.
    #[serde(rename = "Fish_Id")]
    pub fish_id: String,
    /// Its species.
    pub species: String,
    /// Length in centimetres.
    #[serde(rename = "Length", serialize_with = "finite")]
    pub length_cm: f64,
    /// Height in centimetres.
    #[serde(rename = "Height", serialize_with = "finite")]
    pub height_cm: f64,
    /// Predicted weight in kilograms.
    #[serde(rename = "PredictedWeight", serialize_with = "finite")]
    pub predicted_weight_kg: f64,
    /// Actual weight in kilograms.
    #[serde(rename = "ActualWeight", serialize_with = "finite")]
    pub actual_weight_kg: f64,
    /// `|predicted - actual| / actual`, rounded to three decimals.
    #[serde(serialize_with = "finite")]
    pub error: f64,
    /// When the model was trained.
    pub model_time: String,
    /// Id of the model version.
    pub model_version: String,
    /// When the fish was weighed; the record's Kafka timestamp.
    pub timestamp: EventTime,
}

/// Value of [`weight-retrain`](crate::topics::WEIGHT_RETRAIN): the mean error of a model version over a
/// window was above the threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RetrainTrigger {
    /// Id of the model version with this error.
    pub model_version: String,
    /// The species in the window, in order of appearance.
    pub species: Vec<String>,
    /// The first fish of the window by arrival.
    #[serde(rename = "Fish_Id_Start")]
    pub fish_id_start: String,
    /// The last fish of the window by arrival.
    #[serde(rename = "Fish_Id_End")]
    pub fish_id_end: String,
    /// Mean relative error over the window.
    #[serde(serialize_with = "finite")]
    pub error_avg: f64,
    /// How many fish the window contained.
    pub fish: u64,
}

impl FromWire for Measurement {}
impl FromWire for Weighing {}
impl FromWire for Prediction {}
impl FromWire for WeightPrediction {}
impl FromWire for WeightDiff {}
impl FromWire for RetrainTrigger {}
impl ToWire for Measurement {}
impl ToWire for Weighing {}
impl ToWire for Prediction {}
impl ToWire for WeightPrediction {}
impl ToWire for WeightDiff {}
impl ToWire for RetrainTrigger {}
