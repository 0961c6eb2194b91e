//! Detects the formats of keys and values for `PRINT`: it lists every format that fits all keys (or
//! values) so far, and shows records in the first one.

use serde::de::IgnoredAny;

use ksql_engine::numbers::double_text;

/// A format without a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plain {
    Json,
    Int,
    BigInt,
    Double,
    Text,
}

/// The window in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    Session,
    Hopping,
    Tumbling,
}

const PLAIN: [Plain; 5] = [
    Plain::Json,
    Plain::Int,
    Plain::BigInt,
    Plain::Double,
    Plain::Text,
];

/// The formats that fit all bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Formats {
    possible: Vec<(Option<Window>, Plain)>,
    seen: bool,
}

impl Formats {
    /// For keys, which may have windows.
    pub(super) fn of_keys() -> Self {
        let windows = [Window::Session, Window::Hopping, Window::Tumbling].map(Some);
        let all = |plain| {
            windows
                .into_iter()
                .chain([None])
                .map(move |window| (window, plain))
        };
        Self {
            possible: PLAIN.into_iter().flat_map(all).collect(),
            seen: false,
        }
    }

    /// For values.
    pub(super) fn of_values() -> Self {
        Self {
            possible: PLAIN.into_iter().map(|plain| (None, plain)).collect(),
            seen: false,
        }
    }

    /// Removes the formats that do not fit these bytes.
    pub(super) fn narrow(&mut self, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes {
            self.seen = true;
            self.possible
                .retain(|(window, plain)| read(*window, *plain, bytes).is_some());
        }
    }

    /// Their names.
    pub(super) fn names(&self) -> String {
        if !self.seen {
            return "¯\\_(ツ)_/¯ - no data processed".to_owned();
        }
        if self.possible.is_empty() {
            return " does not match any supported format. It may be a STRING with encoding other \
                    than UTF8, or some other format."
                .to_owned();
        }
        let names: Vec<String> = self
            .possible
            .iter()
            .map(|(window, plain)| match window {
                None => plain.name().to_owned(),
                Some(Window::Session) => format!("SESSION({})", plain.name()),
                Some(Window::Hopping) => format!("HOPPING({})", plain.name()),
                Some(Window::Tumbling) => format!("TUMBLING({})", plain.name()),
            })
            .collect();
        names.join(" or ")
    }

    /// The bytes as text.
    pub(super) fn show(&self, bytes: Option<&[u8]>) -> String {
        let Some(bytes) = bytes else {
            return "<null>".to_owned();
        };
        self.possible
            .first()
            .and_then(|(window, plain)| read(*window, *plain, bytes))
            .unwrap_or_else(|| escaped(bytes))
    }
}

impl Plain {
    fn name(self) -> &'static str {
        match self {
            Plain::Json => "JSON",
            Plain::Int => "KAFKA_INT",
            Plain::BigInt => "KAFKA_BIGINT",
            Plain::Double => "KAFKA_DOUBLE",
            Plain::Text => "KAFKA_STRING",
        }
    }

    fn read(self, bytes: &[u8]) -> Option<String> {
        match self {
            Plain::Json => text(bytes).filter(|text| starts_with_json(text)),
            Plain::Int => bytes
                .try_into()
                .ok()
                .map(|bytes| i32::from_be_bytes(bytes).to_string()),
            Plain::BigInt => bytes
                .try_into()
                .ok()
                .map(|bytes| i64::from_be_bytes(bytes).to_string()),
            Plain::Double => bytes
                .try_into()
                .ok()
                .map(|bytes| double_text(f64::from_be_bytes(bytes))),
            Plain::Text => text(bytes),
        }
    }
}

fn read(window: Option<Window>, plain: Plain, bytes: &[u8]) -> Option<String> {
    match window {
        None => plain.read(bytes),
        Some(Window::Session) => {
            let (rest, start) = bytes.split_last_chunk::<8>()?;
            let (key, end) = rest.split_last_chunk::<8>()?;
            let (start, end) = (i64::from_be_bytes(*start), i64::from_be_bytes(*end));
            if start < 0 || end < start {
                return None;
            }
            Some(format!("[{}@{start}/{end}]", plain.read(key)?))
        }
        Some(Window::Hopping | Window::Tumbling) => {
            let (key, start) = bytes.split_last_chunk::<8>()?;
            let start = i64::from_be_bytes(*start);
            if start < 0 {
                return None;
            }
            Some(format!("[{}@{start}/-]", plain.read(key)?))
        }
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.is_empty() && !text.contains('\u{FFFD}')).then(|| text.to_owned())
}

/// As in ksqlDB, the rest after the first JSON value is ignored.
fn starts_with_json(text: &str) -> bool {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    matches!(values.next(), Some(Ok(_)))
}

/// Keeps printable ASCII and writes everything else as `\xHH`.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b' '..=b'~' if *byte != b'\\' => text.push(char::from(*byte)),
            other => text.push_str(&format!("\\x{other:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(seen: &[&[u8]]) -> Formats {
        let mut formats = Formats::of_keys();
        for bytes in seen {
            formats.narrow(Some(bytes));
        }
        formats
    }

    #[test]
    fn a_windowed_key_is_shown_with_its_start() {
        let mut key = b"Key".to_vec();
        key.extend_from_slice(&1_795_412_700_000_i64.to_be_bytes());
        let formats = keys(&[&key]);
        assert_eq!(
            formats.names(),
            "HOPPING(KAFKA_STRING) or TUMBLING(KAFKA_STRING)"
        );
        assert_eq!(formats.show(Some(&key)), "[Key@1795412700000/-]");
    }

    #[test]
    fn unknown_bytes_are_shown_escaped() {
        let formats = keys(&[b"f1", b""]);
        assert!(formats.names().starts_with(" does not match"));
        assert_eq!(formats.show(Some(b"a\\\xC3\xA4")), "a\\x5C\\xC3\\xA4");
        assert_eq!(formats.show(None), "<null>");
    }

    #[test]
    fn an_id_made_of_digits_is_json_too() {
        assert_eq!(keys(&[b"1", b"17"]).names(), "JSON or KAFKA_STRING");
        assert_eq!(keys(&[b"f1"]).names(), "KAFKA_STRING");
    }
}
