//! JSON as ksqlDB reads it: lenient about types where Java is, strict about the text.
//!
//! A column's field is the one of the same name, or else one whose upper-cased name is the column's.
//! One field that cannot be read fails the whole record.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::decimal::Decimal;
use crate::formats::json_write::write_escaped;
use crate::formats::{DecodeError, json_plain};
use crate::numbers::{JsonNumber, parse_double};
use crate::schema::Column;
use crate::text::Text;
use crate::types::{Field, SqlType};
use crate::value::Value;

/// How deep an object inside a VARCHAR column may be nested.
const MAX_DEPTH: usize = 100;

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

/// The texts that came last, so that one which comes again and again is stored once.
#[derive(Debug, Default)]
pub(crate) struct Texts(Vec<Option<Arc<str>>>);

impl Texts {
    /// A text that is equal to `text`, perhaps one that exists already.
    pub(crate) fn shared(&mut self, text: &str) -> Arc<str> {
        const PLACES: usize = 128;
        const LONGEST: usize = 64;
        let bytes = text.as_bytes();
        if bytes.len() > LONGEST {
            return Arc::from(text);
        }
        self.0.resize(PLACES, None);
        // Both ends and the length tell most texts of one column apart.
        let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let ends = match bytes.len() {
            8.. => word(bytes.first_chunk()) ^ word(bytes.last_chunk()).rotate_left(17),
            _ => bytes
                .iter()
                .fold(0, |word, byte| (word << 8) | u64::from(*byte)),
        };
        let mixed = (ends ^ bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let hash = (mixed >> 57) as usize;
        match self.0.get_mut(hash % PLACES) {
            Some(Some(known)) if **known == *text => Arc::clone(known),
            Some(place) => Arc::clone(place.insert(Arc::from(text))),
            None => Arc::from(text),
        }
    }
}

fn error(message: impl fmt::Display) -> DecodeError {
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
            excerpt(raw)
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
                let upper = name.to_uppercase();
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

/// A JSON text, which may have halves of characters: that is why it is read as bytes.
struct Characters<'t>(Read<'t>);

enum Read<'t> {
    Plain(&'t str),
    Escaped(Text),
}

impl Read<'_> {
    fn units(&self) -> Vec<u16> {
        match self {
            Read::Plain(text) => units(text),
            Read::Escaped(text) => text.units().into_owned(),
        }
    }

    fn whole(&self) -> Option<&str> {
        match self {
            Read::Plain(text) => Some(text),
            Read::Escaped(text) => text.whole(),
        }
    }
}

impl<'t> serde::Deserialize<'t> for Characters<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'t> Visitor<'t> for Visit {
            type Value = Characters<'t>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_bytes<E>(self, bytes: &'t [u8]) -> Result<Self::Value, E> {
                Ok(Characters(match std::str::from_utf8(bytes) {
                    Ok(text) => Read::Plain(text),
                    Err(_) => Read::Escaped(Text::from_wtf8(bytes)),
                }))
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Characters(Read::Escaped(Text::from_wtf8(bytes))))
            }
        }
        deserializer.deserialize_bytes(Visit)
    }
}

fn excerpt(raw: &str) -> String {
    let mut text: String = raw.chars().take(40).collect();
    if text.len() < raw.len() {
        text.push('…');
    }
    text
}

/// A JSON text.
fn text_of(raw: &str) -> Result<Read<'_>, DecodeError> {
    if let Some(plain) = raw
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        && !plain.contains('\\')
    {
        return Ok(Read::Plain(plain));
    }
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    let Characters(text) = serde::Deserialize::deserialize(&mut deserializer).map_err(error)?;
    Ok(text)
}

/// A JSON text that is no VARCHAR: there half a character is wrong in any case.
fn plain_text_of(raw: &str) -> Result<String, DecodeError> {
    let text = text_of(raw)?;
    let whole = text.whole().map(str::to_owned);
    whole.ok_or_else(|| error(format!("{} has half a character", excerpt(raw))))
}

fn number_of(raw: &str) -> Result<JsonNumber<'_>, DecodeError> {
    JsonNumber::new(raw)
        .ok_or_else(|| error(format!("the number {} is out of range", excerpt(raw))))
}

/// One value from its JSON text, which has no spaces around it.
fn read_value(raw: &str, ty: &SqlType, texts: &mut Texts) -> Result<Value, DecodeError> {
    let first = raw.as_bytes().first().copied().unwrap_or(b' ');
    let is_number = first == b'-' || first.is_ascii_digit();
    let mismatch = || error(format!("{} is no {ty}", excerpt(raw)));
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

/// The entries of an object; of two with one name the last one counts.
fn entries_of(raw: &str) -> Result<Vec<(Text, &str)>, DecodeError> {
    struct Entries;
    impl<'t> Visitor<'t> for Entries {
        type Value = Vec<(Text, &'t str)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries: Vec<(Text, &'t str)> = Vec::new();
            let mut places = std::collections::HashMap::new();
            while let Some(Characters(name)) = map.next_key()? {
                let name = match name {
                    Read::Plain(text) => Text::from(text),
                    Read::Escaped(text) => text,
                };
                let value: &'t RawValue = map.next_value()?;
                let place = *places.entry(name.clone()).or_insert(entries.len());
                if let Some(entry) = entries.get_mut(place) {
                    entry.1 = value.get();
                } else {
                    entries.push((name, value.get()));
                }
            }
            Ok(entries)
        }
    }
    serde_json::Deserializer::from_str(raw)
        .deserialize_map(Entries)
        .map_err(error)
}

/// What a VARCHAR column holds for a JSON value that is no text, in UTF-16 units: a number's own
/// text, an object as compact JSON, an array as `[a, b]`.
fn as_text(raw: &str, depth: usize) -> Result<Vec<u16>, DecodeError> {
    match raw.as_bytes().first() {
        Some(b'"') => Ok(text_of(raw)?.units()),
        Some(b'{') => {
            let mut text = Vec::new();
            compact(raw, depth, &mut text)?;
            Ok(text)
        }
        Some(b'[') => {
            let depth = deeper(depth)?;
            let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(error)?;
            let mut text = units("[");
            for (index, item) in items.into_iter().enumerate() {
                if index > 0 {
                    text.extend(units(", "));
                }
                text.extend(as_text(item.get(), depth)?);
            }
            text.extend(units("]"));
            Ok(text)
        }
        Some(b't' | b'f' | b'n') => Ok(units(raw)),
        _ => Ok(units(&number_of(raw)?.text())),
    }
}

fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

fn deeper(depth: usize) -> Result<usize, DecodeError> {
    if depth >= MAX_DEPTH {
        return Err(error(format!(
            "a value is nested more than {MAX_DEPTH} deep"
        )));
    }
    Ok(depth + 1)
}

fn compact(raw: &str, depth: usize, text: &mut Vec<u16>) -> Result<(), DecodeError> {
    let depth = deeper(depth)?;
    match raw.as_bytes().first() {
        Some(b'{') => {
            text.extend(units("{"));
            for (index, (name, item)) in entries_of(raw)?.into_iter().enumerate() {
                if index > 0 {
                    text.extend(units(","));
                }
                quote(&name.units(), text);
                text.extend(units(":"));
                compact(item, depth, text)?;
            }
            text.extend(units("}"));
        }
        Some(b'[') => {
            text.extend(units("["));
            let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(error)?;
            for (index, item) in items.into_iter().enumerate() {
                if index > 0 {
                    text.extend(units(","));
                }
                compact(item.get(), depth, text)?;
            }
            text.extend(units("]"));
        }
        Some(b'"') => quote(&text_of(raw)?.units(), text),
        Some(b't' | b'f' | b'n') => text.extend(units(raw)),
        _ => text.extend(units(&number_of(raw)?.text())),
    }
    Ok(())
}

/// Jackson escapes no surrogates when it writes text rather than bytes.
fn quote(name: &[u16], text: &mut Vec<u16>) {
    text.extend(units("\""));
    let mut bytes = Vec::new();
    for unit in name {
        match u8::try_from(*unit).ok().filter(u8::is_ascii) {
            Some(byte) => {
                bytes.clear();
                write_escaped(char::from(byte).encode_utf8(&mut [0; 4]), &mut bytes);
                text.extend(bytes.iter().map(|byte| u16::from(*byte)));
            }
            None => text.push(*unit),
        }
    }
    text.extend(units("\""));
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
