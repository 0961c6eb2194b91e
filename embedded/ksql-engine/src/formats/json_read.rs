//! JSON as ksqlDB reads it: lenient about types where Java is, strict about the text.
//!
//! A column's field is the one of the same name, or else one whose upper-cased name is the column's.
//! One field that cannot be read fails the whole record.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::decimal::Decimal;
use crate::formats::json_text::{Characters, Read, as_text, entries_of, text_of};
use crate::formats::texts::Texts;
use crate::formats::{DecodeError, json_plain};
use crate::numbers::{JsonNumber, parse_double};
use crate::schema::Column;
use crate::text::{Text, upper};
use crate::types::{Field, SqlType};
use crate::value::Value;

/// Reads objects of one schema.
#[derive(Debug)]
pub(crate) struct JsonReader {
    fields: Vec<Field>,
    /// Whether anybody looks at the column.
    used: Vec<bool>,
    /// Columns that a field of another case may fill: those with upper-case names.
    any_upper: bool,
    texts: Texts,
}

pub(super) fn error(message: impl fmt::Display) -> DecodeError {
    DecodeError(message.to_string())
}

impl JsonReader {
    pub(crate) fn new(columns: &[Column], used: &[bool]) -> Self {
        let mut used = used.to_vec();
        used.resize(columns.len(), false);
        let fields: Vec<Field> = columns
            .iter()
            .map(|column| Field {
                name: column.name.clone(),
                ty: column.ty.clone(),
            })
            .collect();
        Self {
            any_upper: has_upper(&fields),
            fields,
            used,
            texts: Texts::default(),
        }
    }

    /// Whatever follows the first JSON value is not looked at.
    pub(crate) fn read(&mut self, bytes: &[u8], row: &mut Vec<Value>) -> Result<bool, DecodeError> {
        let bytes = without_mark(bytes);
        let start = row.len();
        if let Ok(text) = std::str::from_utf8(bytes) {
            row.resize(start + self.fields.len(), Value::Null);
            let (fields, used) = (&self.fields, &self.used);
            let plain = row.get_mut(start..).is_some_and(|row| {
                json_plain::read(text, fields, used, self.any_upper, &mut self.texts, row)
            });
            if plain {
                return Ok(true);
            }
            row.truncate(start);
        }
        self.read_exactly(bytes, row)
    }

    fn read_exactly(&mut self, bytes: &[u8], row: &mut Vec<Value>) -> Result<bool, DecodeError> {
        let raw = first_value(bytes)?;
        if raw == "null" {
            return Ok(false);
        }
        let slots = object_slots(raw, &self.fields, self.any_upper)?;
        let start = row.len();
        for ((slot, field), used) in slots.into_iter().zip(&self.fields).zip(&self.used) {
            match slot {
                None => row.push(Value::Null),
                Some(raw) if !used && always_reads(raw, &field.ty) => row.push(Value::Null),
                Some(raw) => match read_value(raw, &field.ty, &mut self.texts) {
                    Ok(value) => row.push(value),
                    Err(DecodeError(reason)) => {
                        row.truncate(start);
                        return Err(error(format!("field `{}`: {reason}", field.name)));
                    }
                },
            }
        }
        Ok(true)
    }
}

/// Whether any field's name is what upper-casing makes of another one.
pub(crate) fn has_upper(fields: &[Field]) -> bool {
    fields
        .iter()
        .any(|field| field.name.chars().all(|c| c.to_uppercase().eq([c])))
}

/// One JSON value of the given type.
pub(crate) fn read_alone(bytes: &[u8], ty: &SqlType) -> Result<Value, DecodeError> {
    read_value(first_value(bytes)?, ty, &mut Texts::default())
}

/// Whether such a JSON value can be read as the type in any case.
fn always_reads(raw: &str, ty: &SqlType) -> bool {
    match ty {
        SqlType::Varchar => true,
        SqlType::Double => !raw.starts_with(['"', '{', '[', 't', 'f']),
        _ => false,
    }
}

/// Without the byte order mark that some editors write.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

fn first_value(bytes: &[u8]) -> Result<&str, DecodeError> {
    let bytes = without_mark(bytes);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let raw: &RawValue = serde::Deserialize::deserialize(&mut deserializer).map_err(error)?;
    Ok(raw.get())
}

/// Where each field's value is in the text of an object.
fn object_slots<'t>(
    raw: &'t str,
    fields: &[Field],
    any_upper: bool,
) -> Result<Vec<Option<&'t str>>, DecodeError> {
    if !raw.starts_with('{') {
        return Err(error(format!(
            "an object was expected, not {}",
            kind_of(raw)
        )));
    }
    slots(
        &mut serde_json::Deserializer::from_str(raw),
        fields,
        any_upper,
    )
}

fn slots<'t, R: serde_json::de::Read<'t>>(
    deserializer: &mut serde_json::Deserializer<R>,
    fields: &[Field],
    any_upper: bool,
) -> Result<Vec<Option<&'t str>>, DecodeError> {
    Slots { fields, any_upper }
        .deserialize(deserializer)
        .map_err(error)
}

struct Slots<'f> {
    fields: &'f [Field],
    any_upper: bool,
}

impl<'t> DeserializeSeed<'t> for Slots<'_> {
    type Value = Vec<Option<&'t str>>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'t> Visitor<'t> for Slots<'_> {
    type Value = Vec<Option<&'t str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let count = self.fields.len();
        let mut exact: Vec<Option<&'t str>> = vec![None; count];
        let mut other_case: Vec<Option<&'t str>> = Vec::new();
        // Writers keep an order: the next field is most often the next column.
        let mut next = 0;
        while let Some(Characters(name)) = map.next_key()? {
            let value: &'t RawValue = map.next_value()?;
            // No column's name has half a character.
            let Some(name) = name.whole() else { continue };
            let is = |index: usize| {
                self.fields
                    .get(index)
                    .is_some_and(|field| field.name == name)
            };
            let found = if is(next) {
                Some(next)
            } else {
                (0..count).find(|index| is(*index))
            };
            if let Some(index) = found {
                exact[index] = Some(value.get());
                next = index + 1;
            }
            if self.any_upper {
                let upper = upper(name);
                if let Some(index) = self.fields.iter().position(|field| field.name == upper) {
                    other_case.resize(count, None);
                    other_case[index] = Some(value.get());
                }
            }
        }
        for (slot, fallback) in exact.iter_mut().zip(other_case) {
            if slot.is_none() {
                *slot = fallback;
            }
        }
        Ok(exact)
    }
}

/// What kind of value it is. Errors tell no value: they go to logs, where rows do not belong.
fn kind_of(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// A JSON text that is no VARCHAR: there half a character is wrong in any case.
fn plain_text_of(raw: &str) -> Result<String, DecodeError> {
    let text = text_of(raw)?;
    let whole = text.whole().map(str::to_owned);
    whole.ok_or_else(|| error("a text has half a character"))
}

pub(super) fn number_of(raw: &str) -> Result<JsonNumber<'_>, DecodeError> {
    JsonNumber::new(raw).ok_or_else(|| error("a number is out of range"))
}

/// One value from its JSON text, which has no spaces around it.
fn read_value(raw: &str, ty: &SqlType, texts: &mut Texts) -> Result<Value, DecodeError> {
    let first = raw.as_bytes().first().copied().unwrap_or(b' ');
    let is_number = first == b'-' || first.is_ascii_digit();
    let mismatch = || error(format!("{} is no {ty}", kind_of(raw)));
    if first == b'n' {
        return Ok(Value::Null);
    }
    match ty {
        SqlType::Boolean => match raw {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            _ => Err(mismatch()),
        },
        SqlType::Integer if is_number => Ok(Value::Integer(number_of(raw)?.to_i64() as i32)),
        SqlType::BigInt if is_number => Ok(Value::BigInt(number_of(raw)?.to_i64())),
        SqlType::Double if is_number => {
            let number: f64 = raw.parse().map_err(error)?;
            // A zero written with a minus is Java's BigDecimal zero, which has no sign; a number too
            // small for a DOUBLE keeps it.
            let zero = number == 0.0 && number_of(raw)?.exact().1 == "0";
            Ok(Value::Double(if zero { 0.0 } else { number }))
        }
        SqlType::Integer if first == b'"' => {
            let text = plain_text_of(raw)?;
            text.parse().map(Value::Integer).map_err(|_| mismatch())
        }
        SqlType::BigInt if first == b'"' => {
            let text = plain_text_of(raw)?;
            text.parse().map(Value::BigInt).map_err(|_| mismatch())
        }
        SqlType::Double if first == b'"' => parse_double(&plain_text_of(raw)?)
            .map(Value::Double)
            .ok_or_else(mismatch),
        SqlType::Integer | SqlType::BigInt | SqlType::Double => Err(mismatch()),
        SqlType::Decimal { precision, scale } => {
            let read = if is_number {
                read_decimal(&number_of(raw)?, *precision, *scale)
            } else if first == b'"' {
                let text = plain_text_of(raw)?;
                JsonNumber::new(text.trim()).and_then(|number| {
                    parse_double(&text)?;
                    read_decimal(&number, *precision, *scale)
                })
            } else {
                None
            };
            read.map(|number| Value::Decimal(Arc::new(number)))
                .ok_or_else(mismatch)
        }
        SqlType::Varchar if first == b'"' => Ok(Value::Text(match text_of(raw)? {
            Read::Plain(text) => Text::Whole(texts.shared(text)),
            Read::Escaped(Text::Whole(text)) => Text::Whole(texts.shared(&text)),
            Read::Escaped(text) => text,
        })),
        SqlType::Varchar => Ok(Value::Text(Text::from_units(&as_text(raw, 0)?))),
        SqlType::Array(element) if first == b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(error)?;
            let items: Result<Vec<Value>, _> = items
                .into_iter()
                .map(|item| read_value(item.get(), element, texts))
                .collect();
            Ok(Value::Array(items?.into()))
        }
        SqlType::Map(inner) if first == b'{' => {
            let mut entries: Vec<(Text, Value)> = Vec::new();
            for (name, item) in entries_of(raw)? {
                entries.push((name, read_value(item, inner, texts)?));
            }
            Ok(Value::Map(entries.into()))
        }
        SqlType::Struct(fields) if first == b'{' => {
            let slots = object_slots(raw, fields, has_upper(fields))?;
            let mut values = Vec::with_capacity(fields.len());
            for (slot, field) in slots.into_iter().zip(fields.iter()) {
                values.push(match slot {
                    None => Value::Null,
                    Some(raw) => {
                        read_value(raw, &field.ty, texts).map_err(|DecodeError(reason)| {
                            error(format!("field `{}`: {reason}", field.name))
                        })?
                    }
                });
            }
            Ok(Value::Struct(values.into()))
        }
        SqlType::Array(_) | SqlType::Map(_) | SqlType::Struct(_) => Err(mismatch()),
    }
}

/// Digits beyond the column's scale or precision are an error, not rounded.
fn read_decimal(number: &JsonNumber<'_>, precision: u32, scale: u32) -> Option<Decimal> {
    let (negative, digits, written_scale) = number.exact();
    let shift = i64::from(scale) - written_scale;
    let mut digits = digits;
    if digits != "0" {
        if !(0..=64).contains(&shift) {
            return None;
        }
        digits.push_str(&"0".repeat(usize::try_from(shift).ok()?));
        if digits.len() > precision as usize {
            return None;
        }
    }
    let unscaled: i128 = digits.parse().ok()?;
    Some(Decimal::new(
        if negative { -unscaled } else { unscaled },
        scale,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("-0".to_owned()),
            Just("0.0".to_owned()),
            Just("-0.0".to_owned()),
            Just("1e400".to_owned()),
            Just("-1e-400".to_owned()),
            Just("18446744073709551616".to_owned()),
            Just("\"1.5\"".to_owned()),
            Just("\"\\u00e9 \\n\"".to_owned()),
            any::<f64>()
                .prop_filter("JSON has none", |x| x.is_finite())
                .prop_map(|x| format!("{x:?}")),
            any::<i64>().prop_map(|x| x.to_string()),
            any::<u64>().prop_map(|x| x.to_string()),
            "[a-z]{0,5}".prop_map(|x| format!("\"{x}\"")),
        ];
        let name = prop_oneof![Just("x"), Just("X"), Just("y"), Just("D"), Just("d")];
        scalar.prop_recursive(2, 8, 3, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3)
                    .prop_map(|x| format!("[{}]", x.join(","))),
                proptest::collection::vec((name.clone(), inner), 0..3).prop_map(|x| {
                    let entries: Vec<String> =
                        x.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
                    format!("{{{}}}", entries.join(", "))
                }),
            ]
        })
    }

    #[test]
    fn a_refusal_names_the_field_and_tells_no_value() {
        let read = |ty: SqlType, json: &str| {
            let name = "F".to_owned();
            let mut reader = JsonReader::new(&[Column { name, ty }], &[true]);
            let read = reader.read(json.as_bytes(), &mut Vec::new());
            read.expect_err("no such value").0
        };
        let inner = Field {
            name: "I".to_owned(),
            ty: SqlType::Boolean,
        };
        for (ty, json, told) in [
            (
                SqlType::Integer,
                r#"{"F":"4711x"}"#,
                "field `F`: a text is no INTEGER",
            ),
            (
                SqlType::Double,
                r#"{"F":[4711]}"#,
                "field `F`: an array is no DOUBLE",
            ),
            (
                SqlType::BigInt,
                r#"{"F":"\ud8004711"}"#,
                "field `F`: a text has half a character",
            ),
            (
                SqlType::BigInt,
                r#"{"F":4711e99999999999}"#,
                "field `F`: a number is out of range",
            ),
            (
                SqlType::Struct([inner].into()),
                r#"{"F":{"I":4711}}"#,
                "field `F`: field `I`: a number is no BOOLEAN",
            ),
            (
                SqlType::Integer,
                r#""4711""#,
                "an object was expected, not a text",
            ),
        ] {
            assert_eq!(read(ty, json), told);
        }
        let unfinished = read(SqlType::Integer, r#"{"F":4711"#);
        assert!(!unfinished.contains("4711"), "{unfinished}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

        #[test]
        fn the_short_way_reads_what_the_exact_way_reads(
            entries in proptest::collection::vec((proptest::sample::select(vec!["D", "d", "I", "L", "T", "t", "B", "S", "s", "Z"]), value()), 0..8)
        ) {
            let column = |name: &str, ty: SqlType| Column { name: name.to_owned(), ty };
            let inner = |name: &str, ty: SqlType| Field { name: name.to_owned(), ty };
            let columns = [
                column("D", SqlType::Double),
                column("I", SqlType::Integer),
                column("L", SqlType::BigInt),
                column("t", SqlType::Varchar),
                column("B", SqlType::Boolean),
                column("S", SqlType::Struct([inner("x", SqlType::Double), inner("y", SqlType::Varchar)].into())),
            ];
            let text: Vec<String> = entries.iter().map(|(name, value)| format!("\"{name}\" : {value}")).collect();
            let text = format!(" {{{}}} trailing", text.join(","));
            let mut reader = JsonReader::new(&columns, &[true; 6]);
            let (mut short, mut exact) = (Vec::new(), Vec::new());
            let short_result = reader.read(text.as_bytes(), &mut short);
            let exact_result = reader.read_exactly(text.as_bytes(), &mut exact);
            prop_assert_eq!(short_result, exact_result);
            prop_assert_eq!(short, exact);
        }
    }
}
