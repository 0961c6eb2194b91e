//! Texts as Java has them: UTF-16 units, of which a function may cut a character's two apart.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A VARCHAR.
#[derive(Clone, PartialEq, Eq, Hash)]
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

    /// How many UTF-16 units it has.
    pub(crate) fn length(&self) -> usize {
        match self {
            Text::Whole(text) if text.is_ascii() => text.len(),
            Text::Whole(text) => text.encode_utf16().count(),
            Text::Cut(units) => units.len(),
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

/// In quotes; a question mark for each half.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.encoded(), f)
    }
}

/// In upper case, as JDK 17 has it.
pub(crate) fn upper(text: &str) -> String {
    around(text, has_newer_upper_case, str::to_uppercase)
}

/// In lower case, as JDK 17 has it.
pub(crate) fn lower(text: &str) -> String {
    around(text, is_newer_letter, str::to_lowercase)
}

/// Changes what is between the characters that are kept, each piece for itself.
fn around(text: &str, is_kept: fn(char) -> bool, change: fn(&str) -> String) -> String {
    if text.is_ascii() || !text.contains(is_kept) {
        return change(text);
    }
    let pieces = text.split_inclusive(is_kept);
    pieces.fold(String::new(), |mut changed, piece| {
        let kept = piece.trim_end_matches(is_kept);
        changed.push_str(&change(kept));
        changed.push_str(piece.get(kept.len()..).unwrap_or(""));
        changed
    })
}

/// JDK 17 knows Unicode 13: letters that have got an upper case since stay as they are. In lower case
/// these two are letters like others beside a sigma, which is another one at the end of a word.
fn has_newer_upper_case(c: char) -> bool {
    matches!(u32::from(c), 0x19B | 0x264) || is_newer_letter(c)
}

/// Letters with two cases that Unicode 13 does not have.
fn is_newer_letter(c: char) -> bool {
    matches!(
        u32::from(c),
        0x1C89..=0x1C8A
            | 0x2C2F
            | 0x2C5F
            | 0xA7C0..=0xA7C1
            | 0xA7CB..=0xA7DC
            | 0x10570..=0x105BC
            | 0x10D50..=0x10D85
            | 0x16EA0..=0x16ED3
    )
}

/// UTF-8 as Java decodes it: U+FFFD for what is none. Unlike Rust, Java puts one, not one for each
/// byte, for an encoded half of a character (`ED A0 80` to `ED BF BF`), also where its end is missing.
pub(crate) fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let is_half = |pair: &[u8]| matches!(pair, [0xED, 0xA0..=0xBF]);
    if !bytes.windows(2).any(is_half) {
        return String::from_utf8_lossy(bytes);
    }
    let mut rest = bytes;
    let mut replaced = Vec::with_capacity(bytes.len());
    while let Some((first, behind)) = rest.split_first() {
        rest = match rest {
            [0xED, 0xA0..=0xBF, 0x80..=0xBF, behind @ ..] | [0xED, 0xA0..=0xBF, behind @ ..] => {
                // A byte that is wrong everywhere.
                replaced.push(0xFF);
                behind
            }
            _ => {
                replaced.push(*first);
                behind
            }
        };
    }
    Cow::Owned(String::from_utf8_lossy(&replaced).into_owned())
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
        assert_eq!(
            [&whole, &left, &Text::from("ab")].map(Text::length),
            [4, 2, 2]
        );
    }

    #[test]
    fn letters_without_another_case_in_jdk_17_keep_theirs() {
        assert_eq!(
            upper("straße ÿ \u{19B}x\u{264}\u{10597}y"),
            "STRASSE Ÿ \u{19B}X\u{264}\u{10597}Y"
        );
        assert_eq!(lower("ΑΣ\u{2C2F}Σ İ"), "ας\u{2C2F}σ i\u{307}");
        assert_eq!(lower("ΑΣ\u{19B} \u{264}Σ"), "ασ\u{19B} \u{264}ς");
    }

    #[test]
    fn what_is_no_utf8_is_replaced_as_java_replaces_it() {
        for (bytes, text) in [
            (&b"a\xED\xA0\x80b"[..], "a\u{FFFD}b"),
            (b"\xED\xBFA", "\u{FFFD}A"),
            (b"\xED\xA0\xED\xA0", "\u{FFFD}\u{FFFD}"),
            (b"\xE0\x7F\xE0", "\u{FFFD}\u{7F}\u{FFFD}"),
            (b"\xF0\xC1\xC0", "\u{FFFD}\u{FFFD}\u{FFFD}"),
            ("é\u{D7FF}😀".as_bytes(), "é\u{D7FF}😀"),
        ] {
            assert_eq!(decoded(bytes), text, "{bytes:X?}");
        }
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
