//! The columns that a request fills, and their values.

use std::borrow::Cow;

use model_store::features::Features;
use pipeline::column::level_fault;
use pipeline::{Column, Definition};

use super::problem::FieldError;

/// A field's value, or what is wrong with it.
pub(super) type Field<T> = Result<T, &'static str>;

/// The model's inputs: the numbers, then the categories.
#[derive(Debug)]
pub struct Inputs {
    columns: Box<[&'static Column]>,
    numbers: usize,
}

impl Inputs {
    /// The inputs of a pipeline's model.
    pub fn of(definition: &'static Definition) -> Self {
        Self {
            columns: definition.inputs().collect(),
            numbers: definition.numbers().len(),
        }
    }

    /// The number of inputs.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// The columns of the numbers.
    pub(super) fn numbers(&self) -> &[&'static Column] {
        &self.columns[..self.numbers]
    }

    /// The name of an input.
    pub(super) fn name(&self, input: usize) -> &'static str {
        &self.columns[input].name
    }

    /// The input with this name. Tries `likely` first, because most callers send the inputs in the same
    /// order each time.
    pub(super) fn find(&self, name: &str, likely: usize) -> Option<usize> {
        match self.columns.get(likely) {
            Some(column) if column.name == name => Some(likely),
            _ => self.columns.iter().position(|column| column.name == name),
        }
    }

    /// Replaces `features` by the values of all inputs; the errors, if there are any or `errors` is not
    /// empty.
    pub(super) fn fill<'a, T: Given<'a>>(
        &self,
        given: impl IntoIterator<Item = T>,
        mut errors: Vec<FieldError>,
        features: &mut Features<'a>,
    ) -> Result<(), Vec<FieldError>> {
        features.numbers.clear();
        features.categories.clear();
        for (input, (column, value)) in self.columns.iter().zip(given).enumerate() {
            let filled = if input < self.numbers {
                let number = value.number().and_then(|number| {
                    let fault = column.number_fault(number);
                    fault.map_or(Ok(number), Err)
                });
                number.map(|number| features.numbers.push(number))
            } else {
                let level = value
                    .text()
                    .and_then(|level| level_fault(&level).map_or(Ok(level), Err));
                level.map(|level| features.categories.push(level))
            };
            if let Err(reason) = filled {
                let field = column.name.as_str();
                errors.push(FieldError { field, reason });
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }
}

/// A value as a request gives it.
pub(super) trait Given<'a> {
    fn number(self) -> Field<f64>;
    fn text(self) -> Field<Cow<'a, str>>;
}
