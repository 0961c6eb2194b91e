//! Which field of a record fills which parameter of a request.

use std::str::FromStr;

use pipeline::Column;

/// A parameter of the model's API and the field of the record that fills it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The parameter's name in the request.
    pub parameter: String,
    /// The name of the field at the top level of the record.
    pub field: String,
}

/// The text is not of the form `PARAMETER=FIELD`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid feature `{0}`: expected PARAMETER=FIELD, such as length=Length")]
pub struct FeatureError(String);

impl Feature {
    /// A column's name is the parameter, and its field the record's field.
    pub(crate) fn of(column: &Column) -> Self {
        Self {
            parameter: column.name.clone(),
            field: column.field.clone(),
        }
    }
}

impl FromStr for Feature {
    type Err = FeatureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_once('=')
            .map(|(parameter, field)| (parameter.trim(), field.trim()))
            .filter(|(parameter, field)| !parameter.is_empty() && !field.is_empty())
            .map(|(parameter, field)| Self {
                parameter: parameter.to_owned(),
                field: field.to_owned(),
            })
            .ok_or_else(|| FeatureError(text.to_owned()))
    }
}
