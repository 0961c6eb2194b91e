//! JSON as ksqlDB writes it: every column, in the schema's order, without spaces.

use std::io::Write as _;

use crate::formats::scan::writable_length;
use crate::numbers::{double_text, write_double};
use crate::schema::Column;
use crate::text::Text;
use crate::types::SqlType;
use crate::value::Value;

/// Writes rows of one schema.
#[derive(Debug)]
pub struct JsonWriter {
    /// Per column `{"name":` or `,"name":`.
    prefixes: Vec<Vec<u8>>,
    types: Vec<SqlType>,
}

impl JsonWriter {
    pub fn new(columns: &[Column]) -> Self {
        let prefix = |(index, column): (usize, &Column)| {
            let mut bytes = vec![if index == 0 { b'{' } else { b',' }];
            write_str(&column.name, &mut bytes);
            bytes.push(b':');
            bytes
        };
        Self {
            prefixes: columns.iter().enumerate().map(prefix).collect(),
            types: columns.iter().map(|column| column.ty.clone()).collect(),
        }
    }

    pub fn append<'v>(&self, values: impl IntoIterator<Item = &'v Value>, bytes: &mut Vec<u8>) {
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

/// One value of the given type.
pub fn write_value(value: &Value, ty: &SqlType, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.extend_from_slice(b"null"),
        Value::Boolean(true) => bytes.extend_from_slice(b"true"),
        Value::Boolean(false) => bytes.extend_from_slice(b"false"),
        // Writing into memory does not fail.
        Value::Integer(number) => drop(write!(bytes, "{number}")),
        Value::BigInt(number) => drop(write!(bytes, "{number}")),
        Value::Decimal(number) => drop(write!(bytes, "{number}")),
        Value::Double(number) if number.is_finite() => write_double(*number, bytes),
        Value::Double(number) => write_str(&double_text(*number), bytes),
        Value::Text(text) => write_text(text, bytes),
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
                write_text(key, bytes);
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
                    write_str(&field.name, bytes);
                    bytes.push(b':');
                    write_value(item, &field.ty, bytes);
                }
            }
            bytes.push(b'}');
        }
    }
}

/// Halves of characters are escaped.
fn write_text(text: &Text, bytes: &mut Vec<u8>) {
    let units = match text {
        Text::Whole(text) => return write_str(text, bytes),
        Text::Cut(units) => units,
    };
    bytes.push(b'"');
    for c in char::decode_utf16(units.iter().copied()) {
        match c {
            Ok(c) => write_escaped(c.encode_utf8(&mut [0; 4]), bytes),
            Err(half) => write_unit(half.unpaired_surrogate(), bytes),
        }
    }
    bytes.push(b'"');
}

/// Characters beyond the basic plane are written as escaped surrogate pairs, as Jackson does when
/// it writes bytes.
fn write_str(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    write_escaped(text, bytes);
    bytes.push(b'"');
}

fn write_unit(unit: u16, bytes: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    bytes.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        bytes.push(HEX[usize::from((unit >> shift) & 0xF)]);
    }
}

/// What is between the quotes.
pub fn write_escaped(text: &str, bytes: &mut Vec<u8>) {
    let mut rest = text;
    // What needs no escape is copied in one piece: everything from the space on but quotes,
    // backslashes and characters of four bytes.
    loop {
        let (plain, special) = rest.split_at(writable_length(rest.as_bytes()));
        bytes.extend_from_slice(plain.as_bytes());
        if special.is_empty() {
            break;
        }
        let mut chars = special.chars();
        match chars.next() {
            Some('"') => bytes.extend_from_slice(b"\\\""),
            Some('\\') => bytes.extend_from_slice(b"\\\\"),
            Some('\n') => bytes.extend_from_slice(b"\\n"),
            Some('\r') => bytes.extend_from_slice(b"\\r"),
            Some('\t') => bytes.extend_from_slice(b"\\t"),
            Some('\u{8}') => bytes.extend_from_slice(b"\\b"),
            Some('\u{c}') => bytes.extend_from_slice(b"\\f"),
            Some(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write_unit(*unit, bytes);
                }
            }
            None => {}
        }
        rest = chars.as_str();
    }
}
