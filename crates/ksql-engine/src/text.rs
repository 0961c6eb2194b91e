//! Texts as Java has them: UTF-16 units, of which a function may cut a character's two apart.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

/// A VARCHAR.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Text {
    /// Whole characters, as nearly every text has.
    Whole(Arc<str>),
    /// UTF-16 units with at least one half of a character.
    Cut(Arc<[u16]>),
}

impl Text {
    /// From UTF-16 units.
    pub(crate) fn from_units(units: &[u16]) -> Self {
        match String::from_utf16(units) {
            Ok(text) => Text::Whole(Arc::from(text)),
            Err(_) => Text::Cut(Arc::from(units)),
        }
    }

    /// From UTF-8 in which a half is written like a character of its own (WTF-8), as `serde_json`
    /// gives the escapes of a JSON text.
    pub(crate) fn from_wtf8(bytes: &[u8]) -> Self {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Text::Whole(Arc::from(text));
        }
        let mut units = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while !rest.is_empty() {
            let whole = match std::str::from_utf8(rest) {
                Ok(text) => text,
                Err(error) => {
                    let valid = rest.get(..error.valid_up_to()).unwrap_or(&[]);
                    std::str::from_utf8(valid).unwrap_or("")
                }
            };
            units.extend(whole.encode_utf16());
            rest = rest.get(whole.len()..).unwrap_or(&[]);
            // What is no UTF-8 is a half: 1110_1101 101x_xxxx 10xx_xxxx.
            if let [_, second, third, ..] = rest {
                let bits = (u16::from(*second & 0x3F) << 6) | u16::from(*third & 0x3F);
                units.push(0xD000 | bits);
            }
            rest = rest.get(3..).unwrap_or(&[]);
        }
        Text::from_units(&units)
    }

    /// The text, if all its characters are whole.
    pub(crate) fn whole(&self) -> Option<&str> {
        match self {
            Text::Whole(text) => Some(text),
            Text::Cut(_) => None,
        }
    }

    /// Its UTF-16 units.
    pub(crate) fn units(&self) -> Cow<'_, [u16]> {
        match self {
            Text::Whole(text) => Cow::Owned(text.encode_utf16().collect()),
            Text::Cut(units) => Cow::Borrowed(units),
        }
    }

    /// Its characters' code points; that of a half is the half.
    pub(crate) fn code_points(&self) -> Vec<u32> {
        match self {
            Text::Whole(text) => text.chars().map(u32::from).collect(),
            Text::Cut(units) => char::decode_utf16(units.iter().copied())
                .map(|c| c.map_or_else(|half| u32::from(half.unpaired_surrogate()), u32::from))
                .collect(),
        }
    }

    /// As Java encodes it in UTF-8: a question mark for each half.
    pub(crate) fn encoded(&self) -> Cow<'_, str> {
        match self {
            Text::Whole(text) => Cow::Borrowed(text),
            Text::Cut(units) => char::decode_utf16(units.iter().copied())
                .map(|c| c.unwrap_or('?'))
                .collect::<String>()
                .into(),
        }
    }

    /// Each piece of whole characters mapped by `function`; halves stay as they are.
    pub(crate) fn map(&self, function: impl Fn(&str) -> String) -> Self {
        let units = match self {
            Text::Whole(text) => return Text::from(function(text).as_str()),
            Text::Cut(units) => units,
        };
        let mut mapped = Vec::with_capacity(units.len());
        let mut piece = String::new();
        for c in char::decode_utf16(units.iter().copied()) {
            match c {
                Ok(c) => piece.push(c),
                Err(half) => {
                    mapped.extend(function(&piece).encode_utf16());
                    mapped.push(half.unpaired_surrogate());
                    piece.clear();
                }
            }
        }
        mapped.extend(function(&piece).encode_utf16());
        Text::from_units(&mapped)
    }

    /// One behind the other; two halves that meet become a character again.
    pub(crate) fn joined(&self, other: &Self) -> Self {
        match (self, other) {
            (Text::Whole(a), Text::Whole(b)) => {
                let mut text = smallvec::SmallVec::<[u8; 128]>::new();
                text.extend_from_slice(a.as_bytes());
                text.extend_from_slice(b.as_bytes());
                // Two texts make a text.
                Text::from(std::str::from_utf8(&text).unwrap_or_default())
            }
            (a, b) => Text::from_units(&[a.units(), b.units()].concat()),
        }
    }

    /// The order of Java's `String.compareTo`: by UTF-16 units.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Text::Whole(a), Text::Whole(b)) if a.is_ascii() && b.is_ascii() => a.cmp(b),
            (Text::Whole(a), Text::Whole(b)) => a.encode_utf16().cmp(b.encode_utf16()),
            (a, b) => a.units().cmp(&b.units()),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::Whole(Arc::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_stay_apart_until_they_meet() {
        let whole = Text::from("a😀b");
        let units = whole.units();
        let (left, right) = (Text::from_units(&units[..2]), Text::from_units(&units[2..]));
        assert_eq!(left, Text::Cut(Arc::from([0x61, 0xD83D])));
        assert_eq!(left.joined(&right), whole);
        assert_eq!(right.map(str::to_uppercase).encoded(), "?B");
        assert_eq!(left.compare(&right), Ordering::Less);
        assert_eq!(right.code_points(), [0xDE00, 0x62]);
    }

    #[test]
    fn escaped_halves_are_read() {
        let read = |json: &str| {
            let mut text = serde_json::Deserializer::from_str(json);
            let bytes = serde::Deserializer::deserialize_byte_buf(&mut text, Bytes);
            Text::from_wtf8(&bytes.expect("a JSON text"))
        };
        assert_eq!(read(r#""\ud83d\ude00é""#), Text::from("😀é"));
        let cut = [0x78, 0xDE00, 0xE9, 0xD83D, 0x1F41];
        assert_eq!(read(r#""x\ude00é\ud83d\u1f41""#), Text::Cut(Arc::from(cut)));
        assert_eq!(
            read(r#""\udfff\ud800""#),
            Text::Cut(Arc::from([0xDFFF, 0xD800]))
        );
    }

    struct Bytes;
    impl serde::de::Visitor<'_> for Bytes {
        type Value = Vec<u8>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a text")
        }
        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            Ok(bytes.to_vec())
        }
    }
}
