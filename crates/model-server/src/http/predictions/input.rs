//! A row of the body, read in one pass: a wrong value is kept as what is wrong with it, so that it
//! becomes that row's error and not the whole call's.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::features::{FACTOR, Features, NUMERIC, number_fault, species_fault};
use crate::http::problem::FieldError;

use super::MAX_ROWS;

/// The array. Rows beyond [`MAX_ROWS`] are counted, not kept.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) rows: Vec<Row<'a>>,
    pub(super) left_out: usize,
}

/// An element of the array.
#[derive(Debug)]
pub(super) enum Row<'a> {
    /// An object's fields, as far as they are known.
    Object {
        numeric: [Scalar<'a>; NUMERIC.len()],
        species: Scalar<'a>,
    },
    /// Something else.
    NoObject,
}

/// A value of a field.
#[derive(Debug)]
pub(super) enum Scalar<'a> {
    Missing,
    Twice,
    Null,
    Number(f64),
    Text(Cow<'a, str>),
    Other,
}

impl<'a> Row<'a> {
    /// The fish.
    pub(super) fn features(self) -> Result<Features<'a>, Vec<FieldError>> {
        let Self::Object { numeric, species } = self else {
            return Err(vec![FieldError {
                field: "row",
                reason: "is not an object",
            }]);
        };
        let mut errors = Vec::new();
        let mut values = [0.0; NUMERIC.len()];
        for ((field, given), value) in NUMERIC.into_iter().zip(numeric).zip(&mut values) {
            match given.number() {
                Ok(number) => *value = number,
                Err(reason) => errors.push(FieldError { field, reason }),
            }
        }
        match species.text() {
            Ok(species) if errors.is_empty() => Ok(Features {
                numeric: values,
                species,
            }),
            Ok(_) => Err(errors),
            Err(reason) => {
                errors.push(FieldError {
                    field: FACTOR,
                    reason,
                });
                Err(errors)
            }
        }
    }
}

impl<'a> Scalar<'a> {
    fn number(self) -> Result<f64, &'static str> {
        match self {
            Self::Number(value) => number_fault(value).map_or(Ok(value), Err),
            Self::Text(_) | Self::Other => Err("is not a number"),
            Self::Missing | Self::Null => Err("is missing"),
            Self::Twice => Err("is given more than once"),
        }
    }

    fn text(self) -> Result<Cow<'a, str>, &'static str> {
        match self {
            Self::Text(text) => species_fault(&text).map_or(Ok(text), Err),
            Self::Number(_) | Self::Other => Err("is not a text"),
            Self::Missing | Self::Null => Err("is missing"),
            Self::Twice => Err("is given more than once"),
        }
    }

    fn fill(&mut self, value: Self) {
        *self = if matches!(self, Self::Missing) {
            value
        } else {
            Self::Twice
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

struct RowsVisitor;
struct RowVisitor;
struct ScalarVisitor;
struct NameVisitor;

/// A field's name, borrowed where the JSON has no escapes in it.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }
    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(name)))
    }
    fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = Rows<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (mut rows, mut left_out) = (Vec::new(), 0);
        while rows.len() < MAX_ROWS {
            match seq.next_element()? {
                Some(row) => rows.push(row),
                None => return Ok(Rows { rows, left_out }),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            left_out += 1;
        }
        Ok(Rows { rows, left_out })
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
        Ok(Row::NoObject)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Row::NoObject)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Row::NoObject)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Row::NoObject)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Row::NoObject)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Row::NoObject)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Row::NoObject)
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
