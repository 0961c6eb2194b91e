//! JSON values as the text of a cell.

use serde_json::Value;
use serde_json::value::RawValue;

/// A value of a row: texts without their quotes, all else as the server wrote it.
pub(super) fn of_raw(raw: &RawValue) -> String {
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => printable(&text),
        Err(_) => printable(raw.get()),
    }
}

/// A field of an entity on one line; a list's elements are separated by commas.
pub(super) fn of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => one_line(text),
        Value::Array(values) => joined(values.iter().map(of)),
        Value::Object(fields) => joined(
            fields
                .iter()
                .map(|(name, value)| format!("{name}:{}", of(value))),
        ),
        other => other.to_string(),
    }
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}

/// A text with its line breaks and indentation as single blanks.
pub(super) fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A text without control characters: they would break the alignment, or do something to the
/// terminal.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}
