//! JSON objects whose fields are of the obvious types, read in one pass.
//!
//! What needs more thought (a number in a VARCHAR column, a number written as text, a zero, an array,
//! a field of another case) is left to [`json_read`](super::json_read), which is exact and slower.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::formats::json_read::{Key, Texts, has_upper};
use crate::types::{Field, SqlType};
use crate::value::Value;

/// Puts the fields' values into `row`, which holds one null for each. `false`: nothing can be said,
/// and `row` may hold anything.
pub(crate) fn read(
    text: &str,
    fields: &[Field],
    used: &[bool],
    any_upper: bool,
    texts: &mut Texts,
    row: &mut [Value],
) -> bool {
    let object = Object {
        fields,
        used,
        any_upper,
        texts,
        row,
    };
    object
        .deserialize(&mut serde_json::Deserializer::from_str(text))
        .is_ok()
}

/// An object whose fields go into a row.
struct Object<'o> {
    fields: &'o [Field],
    /// Whether anybody looks at a field; all beyond its end are looked at.
    used: &'o [bool],
    any_upper: bool,
    texts: &'o mut Texts,
    row: &'o mut [Value],
}

impl<'t> DeserializeSeed<'t> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'t> Visitor<'t> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<(), A::Error> {
        let mut next = 0;
        while let Some(Key(name)) = map.next_key()? {
            let is = |index: usize| {
                self.fields
                    .get(index)
                    .is_some_and(|field| field.name == *name)
            };
            let found = if is(next) {
                Some(next)
            } else {
                (0..self.fields.len()).find(|index| is(*index))
            };
            if self.any_upper && fills_another(self.fields, &name) {
                return Err(A::Error::custom("a field of another case"));
            }
            let Some((index, field)) =
                found.and_then(|index| Some((index, self.fields.get(index)?)))
            else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            next = index + 1;
            if field.ty == SqlType::Varchar && self.used.get(index) == Some(&false) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value_seed(Plain {
                ty: &field.ty,
                texts: self.texts,
            })?;
            if let Some(place) = self.row.get_mut(index) {
                *place = value;
            }
        }
        Ok(())
    }
}

/// Whether the name's upper case is that of a field with another name.
fn fills_another(fields: &[Field], name: &str) -> bool {
    let upper = name.to_uppercase();
    upper != name && fields.iter().any(|field| field.name == upper)
}

/// A value of the JSON type that is obvious for the column's.
struct Plain<'o> {
    ty: &'o SqlType,
    texts: &'o mut Texts,
}

impl<'t> DeserializeSeed<'t> for Plain<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Plain<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a plain {}", self.ty)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Value, E> {
        match self.ty {
            SqlType::Boolean => Ok(Value::Boolean(truth)),
            _ => Err(E::custom("no BOOLEAN")),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        match self.ty {
            SqlType::Double => Ok(Value::Double(number as f64)),
            // Only the lowest bits count, as in Java.
            _ => self.visit_i64(number as i64),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        match self.ty {
            SqlType::Integer => Ok(Value::Integer(number as i32)),
            SqlType::BigInt => Ok(Value::BigInt(number)),
            SqlType::Double => Ok(Value::Double(number as f64)),
            _ => Err(E::custom("no number")),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        match self.ty {
            SqlType::Double if number != 0.0 => Ok(Value::Double(number)),
            _ => Err(E::custom("a zero, or no DOUBLE")),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        match self.ty {
            SqlType::Varchar => Ok(Value::Text(self.texts.shared(text))),
            _ => Err(E::custom("no VARCHAR")),
        }
    }

    fn visit_map<A: MapAccess<'t>>(self, map: A) -> Result<Value, A::Error> {
        let SqlType::Struct(fields) = self.ty else {
            return Err(A::Error::custom("no STRUCT"));
        };
        let mut row = vec![Value::Null; fields.len()];
        let object = Object {
            fields,
            used: &[],
            any_upper: has_upper(fields),
            texts: self.texts,
            row: &mut row,
        };
        object.visit_map(map)?;
        Ok(Value::Struct(row.into()))
    }
}
