//! JSON as ksqlDB writes it: every column, in the schema's order, without spaces.

use std::io::Write as _;

use crate::formats::scan::writable_length;
use crate::numbers::{double_text, write_double};
use crate::schema::Column;
use crate::types::SqlType;
use crate::value::Value;

/// Writes rows of one schema.
#[derive(Debug)]
pub(crate) struct JsonWriter {
    /// For each column, `{"name":` or `,"name":`.
    prefixes: Vec<Vec<u8>>,
    types: Vec<SqlType>,
}

impl JsonWriter {
    pub(crate) fn new(columns: &[Column]) -> Self {
        let prefix = |(index, column): (usize, &Column)| {
            let mut bytes = vec![if index == 0 { b'{' } else { b',' }];
            write_str(&column.name, true, &mut bytes);
            bytes.push(b':');
            bytes
        };
        Self {
            prefixes: columns.iter().enumerate().map(prefix).collect(),
            types: columns.iter().map(|column| column.ty.clone()).collect(),
        }
    }

    pub(crate) fn append<'v>(
        &self,
        values: impl IntoIterator<Item = &'v Value>,
        bytes: &mut Vec<u8>,
    ) {
        if self.prefixes.is_empty() {
            bytes.push(b'{');
        }
        for ((prefix, ty), value) in self.prefixes.iter().zip(&self.types).zip(values) {
            bytes.extend_from_slice(prefix);
            write_value(value, ty, bytes);
        }
        bytes.push(b'}');
    }
}

/// Appends one value of the given type as JSON.
pub fn write_value(value: &Value, ty: &SqlType, bytes: &mut Vec<u8>) {
    match value {
        // A DECIMAL occurs only as a literal in comparisons, never in a column.
        Value::Null | Value::Decimal(_) => bytes.extend_from_slice(b"null"),
        Value::Boolean(true) => bytes.extend_from_slice(b"true"),
        Value::Boolean(false) => bytes.extend_from_slice(b"false"),
        // Writing to memory cannot fail.
        Value::Integer(number) => drop(write!(bytes, "{number}")),
        Value::BigInt(number) => drop(write!(bytes, "{number}")),
        Value::Double(number) if number.is_finite() => write_double(*number, bytes),
        Value::Double(number) => write_str(&double_text(*number), true, bytes),
        Value::Text(text) => write_str(text, true, bytes),
        Value::Array(items) => {
            let element = match ty {
                SqlType::Array(element) => element,
                other => other,
            };
            bytes.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    bytes.push(b',');
                }
                write_value(item, element, bytes);
            }
            bytes.push(b']');
        }
        Value::Map(entries) => {
            let inner = match ty {
                SqlType::Map(inner) => inner,
                other => other,
            };
            bytes.push(b'{');
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 {
                    bytes.push(b',');
                }
                write_str(key, true, bytes);
                bytes.push(b':');
                write_value(item, inner, bytes);
            }
            bytes.push(b'}');
        }
        Value::Struct(values) => {
            bytes.push(b'{');
            if let SqlType::Struct(fields) = ty {
                for (index, (field, item)) in fields.iter().zip(values.iter()).enumerate() {
                    if index > 0 {
                        bytes.push(b',');
                    }
                    write_str(&field.name, true, bytes);
                    bytes.push(b':');
                    write_value(item, &field.ty, bytes);
                }
            }
            bytes.push(b'}');
        }
    }
}

/// A string in quotes. ksqlDB escapes characters beyond U+FFFF as surrogate pairs in a record
/// (`escape_pairs`), but not in text.
pub(crate) fn write_str(text: &str, escape_pairs: bool, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    let mut rest = text;
    // Copy text that needs no escape in one piece.
    loop {
        let (plain, special) = rest.split_at(writable_length(rest.as_bytes()));
        bytes.extend_from_slice(plain.as_bytes());
        let mut chars = special.chars();
        match chars.next() {
            Some('"') => bytes.extend_from_slice(b"\\\""),
            Some('\\') => bytes.extend_from_slice(b"\\\\"),
            Some('\n') => bytes.extend_from_slice(b"\\n"),
            Some('\r') => bytes.extend_from_slice(b"\\r"),
            Some('\t') => bytes.extend_from_slice(b"\\t"),
            Some('\u{8}') => bytes.extend_from_slice(b"\\b"),
            Some('\u{c}') => bytes.extend_from_slice(b"\\f"),
            Some(c) if escape_pairs || c < ' ' => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to memory cannot fail.
                    drop(write!(bytes, "\\u{unit:04X}"));
                }
            }
            Some(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => break,
        }
        rest = chars.as_str();
    }
    bytes.push(b'"');
}
