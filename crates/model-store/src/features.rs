//! The model's inputs and training rows, and the only calls of `regression` that depend on them.
//!
//! This module maps between the columns of a pipeline, the fields of stored documents, and the columns of
//! the formula. All other code uses [`Features`] and [`TrainingRow`].

use std::borrow::Cow;

use crate::version::Version;
use pipeline::column::level_fault;
use pipeline::{Column, Definition, ErrorKind};
use regression::{ErrorMeasure, FittedModel, PredictError, Prediction, Table, TableError};
use serde_json::{Map, Value};

use crate::foreign;
use crate::version::LeftOut;

/// The inputs of a prediction, in the order of [`Definition::numbers`] and [`Definition::categories`].
/// Values are valid for their columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features<'a> {
    /// The numeric columns.
    pub numbers: Vec<f64>,
    /// The categories.
    pub categories: Vec<Cow<'a, str>>,
}

/// A training row.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingRow {
    /// The document's `_id`, or `line N` for a CSV file.
    pub row_id: String,
    /// The levels of [`levels`].
    pub levels: Box<[String]>,
    /// The values of [`Definition::numbers`].
    pub numbers: Box<[f64]>,
    /// The actual value of the target.
    pub target: f64,
    /// Event time when the actual value became known; `None` for a row of a CSV file.
    pub timestamp: Option<String>,
}

/// Why a row cannot be used for training.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {reason}")]
pub struct InvalidRow {
    /// The field's name.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The columns whose levels a training row has: the group if the formula does not use it, then the
/// formula's categories.
pub fn levels(definition: &Definition) -> impl Iterator<Item = &Column> {
    let group = match definition.group_among_categories() {
        Some(_) => None,
        None => definition.group(),
    };
    group.into_iter().chain(definition.categories())
}

/// The position of the group among [`levels`]; `None` if there is no group.
pub fn group_among_levels(definition: &Definition) -> Option<usize> {
    definition.group()?;
    Some(definition.group_among_categories().unwrap_or(0))
}

impl TrainingRow {
    /// Reads a document of the joined rows.
    ///
    /// # Errors
    /// A field is missing, has the wrong type, or fails [`checked`](Self::checked).
    pub fn from_document(definition: &Definition, document: &Value) -> Result<Self, InvalidRow> {
        let text = |field: &str| match document.get(field) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            Some(Value::String(_)) => invalid(field, "is empty"),
            Some(Value::Null) | None => invalid(field, "is missing"),
            Some(_) => invalid(field, "is not a string"),
        };
        let given = |field: &str| match document.get(field) {
            Some(Value::Null) | None => invalid(field, "is missing"),
            Some(value) => Ok(value),
        };
        let number = |field: &str| {
            foreign::number(given(field)?).map_or(invalid(field, "is not a number"), Ok)
        };
        let id = foreign::row_id(given("_id")?);
        let timestamp = foreign::event_time(given("Timestamp")?);
        let timestamp = timestamp.map_or(invalid("Timestamp", "is not a time"), Ok)?;
        Self {
            row_id: id.map_or(invalid("_id", "is empty"), Ok)?,
            levels: levels(definition)
                .map(|column| text(&column.field))
                .collect::<Result<_, _>>()?,
            numbers: definition
                .numbers()
                .map(|column| number(&column.field))
                .collect::<Result<_, _>>()?,
            target: number(&definition.actual_field())?,
            timestamp: Some(timestamp.to_string()),
        }
        .checked(definition)
    }

    /// The place of a document in the order of the rows: time of the actual value, `_id`. `None` if one of them
    /// is missing or unreadable.
    pub fn place(document: &Value) -> Option<(String, String)> {
        let timestamp = foreign::event_time(document.get("Timestamp")?)?;
        let id = foreign::row_id(document.get("_id")?)?;
        Some((timestamp.to_string(), id))
    }

    /// Checks that the values are valid for their columns, and that the target is not zero if errors are
    /// relative to it.
    ///
    /// # Errors
    /// The first invalid field.
    pub fn checked(self, definition: &Definition) -> Result<Self, InvalidRow> {
        let (target, actual) = (definition.target(), definition.actual_field());
        let inputs = definition.numbers().zip(&self.numbers);
        let numbers = inputs.map(|(column, value)| (column, column.field.as_str(), *value));
        for (column, field, value) in numbers.chain([(target, actual.as_str(), self.target)]) {
            if let Some(fault) = column.number_fault(value) {
                return invalid(field, fault);
            }
        }
        if self.target == 0.0 && definition.error == ErrorKind::Relative {
            return invalid(&actual, "is 0, and an error relative to it is not defined");
        }
        for (column, level) in levels(definition).zip(&self.levels) {
            if let Some(fault) = level_fault(level) {
                return invalid(&column.field, fault);
            }
        }
        Ok(self)
    }

    /// The level of the group; `None` if the pipeline has no group.
    pub fn group(&self, definition: &Definition) -> Option<&str> {
        let group = group_among_levels(definition)?;
        self.levels.get(group).map(String::as_str)
    }

    /// The form that is stored with a version.
    pub fn to_stored(&self, definition: &Definition) -> Value {
        let mut stored = Map::new();
        stored.insert("RowId".to_owned(), self.row_id.as_str().into());
        for (column, level) in levels(definition).zip(&self.levels) {
            stored.insert(column.field.clone(), level.as_str().into());
        }
        for (column, value) in definition.numbers().zip(&self.numbers) {
            stored.insert(column.field.clone(), (*value).into());
        }
        stored.insert(definition.actual_field(), self.target.into());
        stored.insert("Timestamp".to_owned(), self.timestamp.clone().into());
        Value::Object(stored)
    }

    /// Reads what [`to_stored`](Self::to_stored) wrote.
    ///
    /// # Errors
    /// A field is missing or has the wrong type.
    pub fn from_stored(definition: &Definition, stored: &Value) -> Result<Self, InvalidRow> {
        let text = |field: &str| match stored.get(field).and_then(Value::as_str) {
            Some(text) => Ok(text.to_owned()),
            None => invalid(field, "is missing or not a string"),
        };
        let number = |field: &str| match stored.get(field).and_then(Value::as_f64) {
            Some(value) => Ok(value),
            None => invalid(field, "is missing or not a number"),
        };
        Ok(Self {
            row_id: text("RowId")?,
            levels: levels(definition)
                .map(|column| text(&column.field))
                .collect::<Result<_, _>>()?,
            numbers: definition
                .numbers()
                .map(|column| number(&column.field))
                .collect::<Result<_, _>>()?,
            target: number(&definition.actual_field())?,
            timestamp: match stored.get("Timestamp") {
                None | Some(Value::Null) => None,
                Some(_) => Some(text("Timestamp")?),
            },
        })
    }
}

fn invalid<T>(field: &str, reason: impl Into<String>) -> Result<T, InvalidRow> {
    Err(InvalidRow {
        field: field.to_owned(),
        reason: reason.into(),
    })
}

/// The level in a table instead of levels that are left out. No level of a row has this name: it is too long.
const OTHER: &str = "(other levels, each with too few rows to have a coefficient of its own)";

/// The rows as columns named as in the formula.
///
/// # Errors
/// Does not fail in practice: the column names are distinct and the lengths are equal.
pub fn table(definition: &Definition, rows: &[TrainingRow]) -> Result<Table, TableError> {
    table_without(definition, rows, &[])
}

/// As [`table`], with the levels that are left out as one level.
///
/// # Errors
/// As [`table`].
pub fn table_without(
    definition: &Definition,
    rows: &[TrainingRow],
    left_out: &[LeftOut],
) -> Result<Table, TableError> {
    let mut table = Table::new();
    for (index, column) in definition.numbers().enumerate() {
        table = table.with_numeric(&column.name, rows.iter().map(|row| row.numbers[index]))?;
    }
    for (index, column) in levels(definition).enumerate() {
        let left_out = left_out.iter().find(|one| one.column == column.name);
        let levels = rows.iter().map(|row| {
            let level = &row.levels[index];
            let is_left_out = left_out.is_some_and(|one| one.levels.binary_search(level).is_ok());
            if is_left_out { OTHER } else { level.as_str() }
        });
        table = table.with_text(&column.name, levels)?;
    }
    table.with_numeric(&definition.target().name, rows.iter().map(|row| row.target))
}

/// How the error of a version is measured.
pub(crate) fn measure(definition: &Definition) -> ErrorMeasure {
    match definition.error {
        ErrorKind::Relative => ErrorMeasure::Relative,
        ErrorKind::Absolute => ErrorMeasure::Absolute,
    }
}

/// The mean leave-one-out error of a version on its training rows from this one on; infinite if it is not defined.
pub fn left_out_error(definition: &Definition, version: &Version, from: usize) -> f64 {
    let rows = version.training_rows.get(from..).unwrap_or_default();
    let actual: Vec<f64> = rows.iter().map(|row| row.target).collect();
    let predicted = version.info.model.leave_one_out().get(from..);
    measure(definition)
        .of(predicted.unwrap_or_default(), &actual)
        .unwrap_or(f64::INFINITY)
}

/// The mean error of a model on rows that it was not trained on.
pub(crate) fn error_on(
    definition: &Definition,
    model: &FittedModel,
    rows: &[TrainingRow],
) -> Result<f64, String> {
    let table = table(definition, rows).map_err(|error| error.to_string())?;
    let error = model.error_on(&table, measure(definition));
    error.map_err(|error| error.to_string())
}

/// Predicts the target, in its unit.
///
/// # Errors
/// The prediction is not finite because the inputs are too large, a number is outside the domain of a function
/// in the formula, or the model was fitted to other columns.
pub fn predict(model: &FittedModel, inputs: &Features<'_>) -> Result<Prediction, PredictError> {
    /// More categories than most pipelines have.
    const FEW: usize = 8;
    let mut few = [""; FEW];
    if inputs.categories.len() <= FEW {
        for (place, level) in few.iter_mut().zip(&inputs.categories) {
            *place = level;
        }
        return model.predict(&inputs.numbers, &few[..inputs.categories.len()]);
    }
    let levels: Vec<&str> = inputs.categories.iter().map(|level| &**level).collect();
    model.predict(&inputs.numbers, &levels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fish() -> &'static Definition {
        Definition::shipped()
    }

    fn document() -> Value {
        serde_json::json!({
            "_id": "1@2021-06-09T13:39:37.971Z", "Species": "salmon", "Length": 86, "Height": 18.74,
            "ActualWeight": 4.4399, "Timestamp": "2021-06-09T13:39:37.971Z"
        })
    }

    #[test]
    fn whole_numbers_in_a_document_are_read() {
        let row = TrainingRow::from_document(fish(), &document()).unwrap();
        assert_eq!((row.numbers[0], row.target), (86.0, 4.4399));
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
            ("Timestamp", serde_json::json!("yesterday")),
        ] {
            let mut row = document();
            row[field] = wrong;
            let fault = TrainingRow::from_document(fish(), &row).unwrap_err();
            assert_eq!(fault.field, field);
        }
    }

    #[test]
    fn rows_of_other_writers_are_read() {
        let mut document = document();
        document["_id"] = serde_json::json!({ "$oid": "60c0c0a9e4b0f5d1c8a1b2c3" });
        document["Length"] = serde_json::json!({ "$numberDecimal": "86.5" });
        document["Timestamp"] = serde_json::json!({ "$date": "2021-06-09T15:39:37.971+02:00" });
        let row = TrainingRow::from_document(fish(), &document).unwrap();
        assert_eq!(row.row_id, "60c0c0a9e4b0f5d1c8a1b2c3");
        assert_eq!(row.numbers[0], 86.5);
        assert_eq!(row.timestamp.as_deref(), Some("2021-06-09T13:39:37.971Z"));
    }

    #[test]
    fn a_stored_row_has_the_fields_of_the_columns() {
        let row = TrainingRow::from_document(fish(), &document()).unwrap();
        let stored = row.to_stored(fish());
        assert_eq!(
            stored.to_string(),
            r#"{"RowId":"1@2021-06-09T13:39:37.971Z","Species":"salmon","Length":86.0,"Height":18.74,"ActualWeight":4.4399,"Timestamp":"2021-06-09T13:39:37.971Z"}"#
        );
        assert_eq!(TrainingRow::from_stored(fish(), &stored), Ok(row));
    }

    #[test]
    fn values_below_zero_are_legal_without_a_limit() {
        let definition = crate::test_versions::energy();
        let document = serde_json::json!({
            "_id": "1", "outdoor °C": -7.5, "Room": "a", "Day": "b", "ActualBalance": 0,
            "Timestamp": "2021-06-09T13:39:37.971Z"
        });
        let row = TrainingRow::from_document(definition, &document).unwrap();
        assert_eq!((row.numbers[0], row.target), (-7.5, 0.0));
        // The group comes first, although the formula does not use it.
        assert_eq!(*row.levels, ["a", "b"]);
        assert_eq!(row.group(definition), Some("a"));
    }
}
