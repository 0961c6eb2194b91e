//! The texts in JSON, and what JSON values are as texts.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::formats::DecodeError;
use crate::formats::json_read::{error, number_of};
use crate::formats::json_write::write_escaped;
use crate::text::Text;

/// How deep an object inside a VARCHAR column may be nested.
const MAX_DEPTH: usize = 100;

/// A JSON text, which may have halves of characters: that is why it is read as bytes.
pub(super) struct Characters<'t>(pub(super) Read<'t>);

pub(super) enum Read<'t> {
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

    pub(super) fn whole(&self) -> Option<&str> {
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

/// A JSON text.
pub(super) fn text_of(raw: &str) -> Result<Read<'_>, DecodeError> {
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

/// The entries of an object; of two with one name the last one counts.
pub(super) fn entries_of(raw: &str) -> Result<Vec<(Text, &str)>, DecodeError> {
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
pub(super) fn as_text(raw: &str, depth: usize) -> Result<Vec<u16>, DecodeError> {
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
