//! The model's formula, inputs and training rows: the file to change for another model.
//!
//! This module maps between the names of request parameters, of fields in stored documents, and of
//! columns in the formula. All other code uses [`Features`] and [`TrainingRow`].

use std::borrow::Cow;

use regression::{FittedModel, Formula, FormulaError, PredictError, Prediction, Table, TableError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The formula, in R's notation. With one species in the training rows, species has no effect.
pub const FORMULA: &str = "weight ~ length + height + species";

/// The numeric request parameters, in the formula's order, in centimetres.
pub const NUMERIC: [&str; 2] = ["length", "height"];

/// The string request parameter, of 1 to [`MAX_SPECIES_CHARS`] characters.
pub const FACTOR: &str = "species";

/// The longest species name, in characters.
pub const MAX_SPECIES_CHARS: usize = 64;

/// The largest length and height, in centimetres, for predicting and for training.
pub const MAX_CM: f64 = 1e6;

/// The measurements of a fish before it is weighed: finite positive numbers and a valid species.
#[derive(Clone, Debug, PartialEq)]
pub struct Features<'a> {
    /// The values of [`NUMERIC`]: length and height in centimetres.
    pub numeric: [f64; NUMERIC.len()],
    /// The value of [`FACTOR`].
    pub species: Cow<'a, str>,
}

/// A training row, in the form that is stored with a model version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TrainingRow {
    /// The document's `_id` in `Weight.TrainingData`, or `line N` for a CSV file.
    pub row_id: String,
    /// Species.
    pub species: String,
    /// Length in centimetres.
    #[serde(rename = "Length")]
    pub length_cm: f64,
    /// Height in centimetres.
    #[serde(rename = "Height")]
    pub height_cm: f64,
    /// Actual weight in kilograms.
    #[serde(rename = "ActualWeight")]
    pub weight_kg: f64,
    /// Event time when the fish was weighed; `None` for a row of a CSV file.
    pub timestamp: Option<String>,
}

/// Why a row cannot be used for training.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {reason}")]
pub struct InvalidRow {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl TrainingRow {
    /// Reads a document of `Weight.TrainingData`.
    ///
    /// # Errors
    /// A field is missing, has the wrong type, or fails [`checked`](Self::checked).
    pub fn from_document(document: &Value) -> Result<Self, InvalidRow> {
        let text = |field: &'static str| match document.get(field) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            Some(Value::String(_)) => invalid(field, "is empty"),
            Some(Value::Null) | None => invalid(field, "is missing"),
            Some(_) => invalid(field, "is not a string"),
        };
        let number = |field: &'static str| match document.get(field) {
            Some(Value::Null) | None => invalid(field, "is missing"),
            Some(value) => value.as_f64().map_or(invalid(field, "is not a number"), Ok),
        };
        Self {
            row_id: text("_id")?,
            species: text("Species")?,
            length_cm: number("Length")?,
            height_cm: number("Height")?,
            weight_kg: number("ActualWeight")?,
            timestamp: Some(text("Timestamp")?),
        }
        .checked()
    }

    /// Checks that the numbers are finite and positive, that length and height are at most
    /// [`MAX_CM`], and that the species is valid.
    ///
    /// # Errors
    /// The first invalid field.
    pub fn checked(self) -> Result<Self, InvalidRow> {
        let numbers = [
            ("Length", self.length_cm),
            ("Height", self.height_cm),
            ("ActualWeight", self.weight_kg),
        ];
        for (field, value) in numbers {
            if !value.is_finite() {
                return invalid(field, "is not a finite number");
            }
            if value <= 0.0 {
                return invalid(field, "is not positive");
            }
            if field != "ActualWeight" && value > MAX_CM {
                return invalid(field, "is greater than 1000000");
            }
        }
        match species_fault(&self.species) {
            Some(reason) => invalid("Species", reason),
            None => Ok(self),
        }
    }
}

fn invalid<T>(field: &'static str, reason: &'static str) -> Result<T, InvalidRow> {
    Err(InvalidRow { field, reason })
}

/// What is wrong with a species, if anything.
pub fn species_fault(species: &str) -> Option<&'static str> {
    // A string has at most as many characters as bytes, so most strings need no counting.
    if species.is_empty() {
        Some("is empty")
    } else if species.len() > MAX_SPECIES_CHARS && species.chars().count() > MAX_SPECIES_CHARS {
        Some("is longer than 64 characters")
    } else {
        None
    }
}

/// What is wrong with a length or height, if anything.
pub fn number_fault(value: f64) -> Option<&'static str> {
    if !value.is_finite() {
        Some("is not a finite number")
    } else if value <= 0.0 {
        Some("must be greater than 0")
    } else if value > MAX_CM {
        Some("must be at most 1000000")
    } else {
        None
    }
}

/// Parses [`FORMULA`].
///
/// # Errors
/// [`FORMULA`] is not a formula.
pub fn formula() -> Result<Formula, FormulaError> {
    FORMULA.parse()
}

/// The rows as columns named as in the formula.
///
/// # Errors
/// Does not fail in practice: the column names are distinct and the lengths are equal.
pub fn table(rows: &[TrainingRow]) -> Result<Table, TableError> {
    Table::new()
        .with_numeric("length", rows.iter().map(|row| row.length_cm))?
        .with_numeric("height", rows.iter().map(|row| row.height_cm))?
        .with_text("species", rows.iter().map(|row| row.species.as_str()))?
        .with_numeric("weight", rows.iter().map(|row| row.weight_kg))
}

/// Predicts a fish's weight in kilograms.
///
/// # Errors
/// The prediction is not finite because the inputs are too large.
pub fn predict(model: &FittedModel, fish: &Features<'_>) -> Result<Prediction, PredictError> {
    model.predict(&fish.numeric, &[&fish.species])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        serde_json::json!({
            "_id": "1@2021-06-09T13:39:37.971Z", "Species": "salmon", "Length": 86, "Height": 18.74,
            "ActualWeight": 4.4399, "Timestamp": "2021-06-09T13:39:37.971Z"
        })
    }

    #[test]
    fn whole_numbers_in_a_document_are_read() {
        let row = TrainingRow::from_document(&document()).unwrap();
        assert_eq!((row.length_cm, row.weight_kg), (86.0, 4.4399));
    }

    #[test]
    fn an_invalid_row_names_its_field() {
        for (field, wrong) in [
            ("Length", Value::Null),
            ("Height", serde_json::json!("18.74")),
            ("Height", serde_json::json!(-1)),
            ("Height", serde_json::json!(1.1e6)),
            ("Length", serde_json::json!(1e300)),
            ("ActualWeight", serde_json::json!(0)),
            ("Species", serde_json::json!("")),
            ("Species", serde_json::json!("x".repeat(65))),
            ("Timestamp", Value::Null),
        ] {
            let mut row = document();
            row[field] = wrong;
            assert_eq!(TrainingRow::from_document(&row).unwrap_err().field, field);
        }
    }

    #[test]
    fn the_length_of_a_species_is_counted_in_characters() {
        assert_eq!(species_fault(&"ø".repeat(64)), None);
        assert!(species_fault(&"ø".repeat(65)).is_some());
    }
}
