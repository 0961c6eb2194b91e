//! Example inputs: those of the columns in pipeline.toml, else those of the first training row.

use model_store::features::{TrainingRow, levels};
use pipeline::{Column, Definition};
use serde_json::{Map, Value};

/// An example of an input; a number or a string.
pub(super) fn of(definition: &Definition, column: &Column, row: Option<&TrainingRow>) -> Value {
    if column.is_category() {
        let level = levels(definition).position(|one| one.name == column.name);
        let level = level.and_then(|level| row?.levels.get(level));
        return level.map_or("a", |level| level.as_str()).into();
    }
    let number = definition.numbers().position(|one| one.name == column.name);
    let number = number.and_then(|number| row?.numbers.get(number).copied());
    column.example.or(number).unwrap_or(1.0).into()
}

/// An example of a row, as JSON.
pub(super) fn row(definition: &Definition, row: Option<&TrainingRow>) -> String {
    let inputs = definition.inputs();
    let fields: Map<String, Value> = inputs
        .map(|column| (column.name.clone(), of(definition, column, row)))
        .collect();
    Value::Object(fields).to_string()
}
