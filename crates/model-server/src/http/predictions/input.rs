//! Reads the rows of a body in one pass, and hands over each row when it has been read. A value of the wrong
//! type does not fail the call: it becomes an error of its row.

use std::borrow::Cow;
use std::fmt;

use model_store::features::Features;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::http::inputs::{Field, Given, Inputs};
use crate::http::problem::FieldError;

use super::MAX_ROWS;

/// Reads the array. Rows beyond [`MAX_ROWS`] are counted, not handed over.
pub(super) struct Rows<'i, F> {
    inputs: &'i Inputs,
    add: F,
}

impl<'i, F> Rows<'i, F>
where
    F: FnMut(Result<&Features<'_>, Vec<FieldError>>) -> serde_json::Result<()>,
{
    /// `add` gets the features of each row, or its errors.
    pub(super) fn new(inputs: &'i Inputs, add: F) -> Self {
        Self { inputs, add }
    }
}

impl<'de, F> DeserializeSeed<'de> for Rows<'_, F>
where
    F: FnMut(Result<&Features<'_>, Vec<FieldError>>) -> serde_json::Result<()>,
{
    /// The number of rows.
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F> Visitor<'de> for Rows<'_, F>
where
    F: FnMut(Result<&Features<'_>, Vec<FieldError>>) -> serde_json::Result<()>,
{
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<usize, A::Error> {
        let mut count = 0;
        // All rows use the same memory.
        let mut values = Vec::with_capacity(self.inputs.len());
        let mut features = Features::default();
        while count < MAX_ROWS {
            let inputs = self.inputs;
            values.clear();
            values.resize_with(inputs.len(), || Scalar::Missing);
            let values = &mut values;
            let Some(is_object) = seq.next_element_seed(Row { inputs, values })? else {
                return Ok(count);
            };
            let added = if is_object {
                match inputs.fill(values.drain(..), Vec::new(), &mut features) {
                    Ok(()) => (self.add)(Ok(&features)),
                    Err(errors) => (self.add)(Err(errors)),
                }
            } else {
                (self.add)(Err(vec![FieldError {
                    field: "row",
                    reason: "is not an object",
                }]))
            };
            added.map_err(A::Error::custom)?;
            count += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

/// The value of a field.
#[derive(Debug)]
enum Scalar<'a> {
    Missing,
    Repeated,
    Null,
    Number(f64),
    Text(Cow<'a, str>),
    Other,
}

impl<'a> Given<'a> for Scalar<'a> {
    fn number(self) -> Field<f64> {
        match self {
            Self::Number(value) => Ok(value),
            Self::Text(_) | Self::Other => Err("is not a number"),
            Self::Missing | Self::Null => Err("is missing"),
            Self::Repeated => Err("is given more than once"),
        }
    }

    fn text(self) -> Field<Cow<'a, str>> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Number(_) | Self::Other => Err("is not a string"),
            Self::Missing | Self::Null => Err("is missing"),
            Self::Repeated => Err("is given more than once"),
        }
    }
}

impl Scalar<'_> {
    fn fill(&mut self, value: Self) {
        *self = match self {
            Self::Missing => value,
            _ => Self::Repeated,
        };
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// Reads one element of the array; true if it is an object.
struct Row<'i, 'v, 'de> {
    inputs: &'i Inputs,
    values: &'v mut Vec<Scalar<'de>>,
}

/// Which input a field's name is.
struct Name<'i> {
    inputs: &'i Inputs,
    likely: usize,
}

struct ScalarVisitor;

impl<'de> DeserializeSeed<'de> for Row<'_, '_, 'de> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.inputs.find(name, self.likely))
    }
}

impl<'de> Visitor<'de> for Row<'_, '_, 'de> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let (inputs, mut likely) = (self.inputs, 0);
        while let Some(input) = map.next_key_seed(Name { inputs, likely })? {
            match input {
                Some(input) => {
                    self.values[input].fill(map.next_value()?);
                    likely = input + 1;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }
    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }
}

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(value as f64))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(value as f64))
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}
