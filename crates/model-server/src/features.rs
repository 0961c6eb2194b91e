//! What the model predicts and from what: the one file to change for another model.
//!
//! Names of request parameters, of fields in stored documents and of the formula's columns meet
//! here; the rest of the crate only passes [`Features`] and [`TrainingRow`]s on.

use std::borrow::Cow;

use regression::{FittedModel, Formula, FormulaError, PredictError, Prediction, Table, TableError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The formula, in R's notation. With one species in the rows, the species has no effect.
pub const FORMULA: &str = "weight ~ length + height + species";

/// The numeric request parameters, in the formula's order: centimetres.
pub const NUMERIC: [&str; 2] = ["length", "height"];

/// The request parameter that is a text of 1 to [`MAX_SPECIES_CHARS`] characters.
pub const FACTOR: &str = "species";

/// The longest species, in characters.
pub const MAX_SPECIES_CHARS: usize = 64;

/// The largest length and height that are predicted from and trained on, in centimetres.
pub const MAX_CM: f64 = 1e6;

/// What is known of a fish before it is weighed: finite and positive numbers, a valid species.
#[derive(Clone, Debug, PartialEq)]
pub struct Features<'a> {
    /// The values of [`NUMERIC`]: length and height in centimetres.
    pub numeric: [f64; NUMERIC.len()],
    /// The value of [`FACTOR`].
    pub species: Cow<'a, str>,
}

/// A row that a model is trained on, as it is kept with the model's version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TrainingRow {
    /// The document's `_id` in `Weight.TrainingData`, or `line N` of a CSV file.
    pub row_id: String,
    /// The fish's species.
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
    /// When the fish was weighed (event time); none for a row of a CSV file.
    pub timestamp: Option<String>,
}

/// Why a row cannot be trained on: the field and what is wrong with it.
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
    /// A field that is missing, of another type, not positive, or a species of a wrong length.
    pub fn from_document(document: &Value) -> Result<Self, InvalidRow> {
        let text = |field: &'static str| match document.get(field) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            Some(Value::String(_)) => Err(InvalidRow {
                field,
                reason: "is empty",
            }),
            Some(Value::Null) | None => Err(InvalidRow {
                field,
                reason: "is missing",
            }),
            Some(_) => Err(InvalidRow {
                field,
                reason: "is not a text",
            }),
        };
        let number = |field: &'static str| match document.get(field) {
            Some(Value::Number(number)) => number.as_f64().ok_or(InvalidRow {
                field,
                reason: "is not a number",
            }),
            Some(Value::Null) | None => Err(InvalidRow {
                field,
                reason: "is missing",
            }),
            Some(_) => Err(InvalidRow {
                field,
                reason: "is not a number",
            }),
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

    /// The row, if its numbers are finite and positive, its length and height at most [`MAX_CM`],
    /// and its species is valid.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn checked(self) -> Result<Self, InvalidRow> {
        let numbers = [
            ("Length", self.length_cm),
            ("Height", self.height_cm),
            ("ActualWeight", self.weight_kg),
        ];
        for (field, value) in numbers {
            if !value.is_finite() {
                return Err(InvalidRow {
                    field,
                    reason: "is not a finite number",
                });
            }
            if value <= 0.0 {
                return Err(InvalidRow {
                    field,
                    reason: "is not positive",
                });
            }
            if field != "ActualWeight" && value > MAX_CM {
                return Err(InvalidRow {
                    field,
                    reason: "is greater than 1000000",
                });
            }
        }
        match species_fault(&self.species) {
            Some(reason) => Err(InvalidRow {
                field: "Species",
                reason,
            }),
            None => Ok(self),
        }
    }
}

/// What is wrong with a species, if anything.
pub(crate) fn species_fault(species: &str) -> Option<&'static str> {
    // Every character has at least one byte, so that most texts need no counting.
    if species.is_empty() {
        Some("is empty")
    } else if species.len() > MAX_SPECIES_CHARS && species.chars().count() > MAX_SPECIES_CHARS {
        Some("is longer than 64 characters")
    } else {
        None
    }
}

/// What is wrong with a number, if anything.
pub(crate) fn number_fault(value: f64) -> Option<&'static str> {
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

/// The formula as a value.
///
/// # Errors
/// Where [`FORMULA`] is none.
pub fn formula() -> Result<Formula, FormulaError> {
    FORMULA.parse()
}

/// The rows as the formula's columns.
///
/// # Errors
/// None in practice: the columns' names differ and their lengths are the same.
pub fn table(rows: &[TrainingRow]) -> Result<Table, TableError> {
    Table::new()
        .with_numeric("length", rows.iter().map(|row| row.length_cm))?
        .with_numeric("height", rows.iter().map(|row| row.height_cm))?
        .with_text("species", rows.iter().map(|row| row.species.as_str()))?
        .with_numeric("weight", rows.iter().map(|row| row.weight_kg))
}

/// What `model` says of a fish: kilograms.
///
/// # Errors
/// Numbers so large that the prediction is not finite.
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
    fn a_row_of_the_pipeline_is_read_whole_numbers_included() {
        let row = TrainingRow::from_document(&document()).unwrap();
        assert_eq!((row.length_cm, row.weight_kg), (86.0, 4.4399));
    }

    #[test]
    fn a_row_that_cannot_be_trained_on_names_its_field() {
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
    fn a_species_is_counted_in_characters_not_bytes() {
        assert_eq!(species_fault(&"ø".repeat(64)), None);
        assert!(species_fault(&"ø".repeat(65)).is_some());
    }
}
