//! Reads the rows of a body in one pass. A value of the wrong type does not fail the call: it becomes an
//! error of its row.

use std::borrow::Cow;
use std::fmt;

use model_store::features::{FACTOR, Features, NUMERIC, number_fault, species_fault};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::http::problem::FieldError;
use crate::http::query::{Field, features};

use super::MAX_ROWS;

/// The array. Rows beyond [`MAX_ROWS`] are counted, not kept.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) rows: Vec<Row<'a>>,
    pub(super) skipped: usize,
}

/// An element of the array.
#[derive(Debug)]
pub(super) enum Row<'a> {
    Object {
        numeric: [Scalar<'a>; NUMERIC.len()],
        species: Scalar<'a>,
    },
    NotAnObject,
}

/// The value of a field.
#[derive(Debug)]
pub(super) enum Scalar<'a> {
    Missing,
    Repeated,
    Null,
    Number(f64),
    Text(Cow<'a, str>),
    Other,
}

impl<'a> Row<'a> {
    /// The fish, or all its errors.
    pub(super) fn features(self) -> Result<Features<'a>, Vec<FieldError>> {
        match self {
            Self::Object { numeric, species } => {
                features(numeric.map(Scalar::number), species.text(), Vec::new())
            }
            Self::NotAnObject => Err(vec![FieldError {
                field: "row",
                reason: "is not an object",
            }]),
        }
    }
}

impl<'a> Scalar<'a> {
    fn number(self) -> Field<f64> {
        match self {
            Self::Number(value) => number_fault(value).map_or(Ok(value), Err),
            Self::Text(_) | Self::Other => Err("is not a number"),
            Self::Missing | Self::Null => Err("is missing"),
            Self::Repeated => Err("is given more than once"),
        }
    }

    fn text(self) -> Field<Cow<'a, str>> {
        match self {
            Self::Text(text) => species_fault(&text).map_or(Ok(text), Err),
            Self::Number(_) | Self::Other => Err("is not a string"),
            Self::Missing | Self::Null => Err("is missing"),
            Self::Repeated => Err("is given more than once"),
        }
    }

    fn fill(&mut self, value: Self) {
        *self = match self {
            Self::Missing => value,
            _ => Self::Repeated,
        };
    }
}

impl<'de> Deserialize<'de> for Rows<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsVisitor)
    }
}

impl<'de> Deserialize<'de> for Row<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RowVisitor)
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// A field's name, borrowed if the JSON has no escapes in it.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

struct RowsVisitor;
struct RowVisitor;
struct ScalarVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = Rows<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (mut rows, mut skipped) = (Vec::new(), 0);
        while rows.len() < MAX_ROWS {
            match seq.next_element()? {
                Some(row) => rows.push(row),
                None => return Ok(Rows { rows, skipped }),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            skipped += 1;
        }
        Ok(Rows { rows, skipped })
    }
}

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut numeric = [const { Scalar::Missing }; NUMERIC.len()];
        let mut species = Scalar::Missing;
        while let Some(Name(name)) = map.next_key()? {
            if name == FACTOR {
                species.fill(map.next_value()?);
            } else if let Some(index) = NUMERIC.iter().position(|known| *known == name) {
                numeric[index].fill(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Row::Object { numeric, species })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Row::NotAnObject)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Row::NotAnObject)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Row::NotAnObject)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Row::NotAnObject)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Row::NotAnObject)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Row::NotAnObject)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Row::NotAnObject)
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
