//! JSON as ksqlDB reads it: lenient about types, strict about the text.
//!
//! A column is read from the field with its name, or else from a field whose upper-cased name is the
//! column's. One unreadable field fails the whole record. Errors go to logs, so they name the type of an
//! unreadable value, never the value.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::formats::DecodeError;
use crate::formats::json_write::write_str;
use crate::formats::scan::plain_length;
use crate::numbers::{fits_decimal, number_text, parse_double, whole_part};
use crate::schema::Column;
use crate::types::{Field, SqlType};
use crate::value::Value;

/// The deepest nesting of JSON.
const MAX_DEPTH: usize = 100;

type Decoded<T> = Result<T, DecodeError>;

/// Reads objects of one schema.
#[derive(Debug)]
pub(crate) struct JsonReader {
    fields: Vec<Field>,
    /// Whether an expression reads the column.
    used: Vec<bool>,
    any_upper: bool,
    texts: Texts,
}

impl JsonReader {
    pub(crate) fn new(columns: &[Column], used: &[bool]) -> Self {
        let mut used = used.to_vec();
        used.resize(columns.len(), false);
        let field = |column: &Column| Field {
            name: column.name.clone(),
            ty: column.ty.clone(),
        };
        let fields: Vec<Field> = columns.iter().map(field).collect();
        Self {
            any_upper: any_upper(&fields),
            fields,
            used,
            texts: Texts::default(),
        }
    }

    /// Appends one value per column to `row`. Bytes after the first JSON value are ignored.
    pub(crate) fn read(&mut self, bytes: &[u8], row: &mut Vec<Value>) -> Decoded<()> {
        let mut scan = Scan::new(bytes, &mut self.texts)?;
        let start = row.len();
        row.resize(start + self.fields.len(), Value::Null);
        let columns = row.get_mut(start..).unwrap_or_default();
        let read = scan.object(&self.fields, &self.used, self.any_upper, columns);
        if read.is_err() {
            row.truncate(start);
        }
        read
    }
}

/// One JSON value of the given type. Empty input is an empty VARCHAR.
pub(crate) fn read_alone(bytes: &[u8], ty: &SqlType) -> Decoded<Value> {
    let mut texts = Texts::default();
    let mut scan = Scan::new(bytes, &mut texts)?;
    match (scan.peek(), ty) {
        (None, SqlType::Varchar) => Ok(Value::text("")),
        _ => scan.value(ty),
    }
}

/// Whether any field has a name in upper case, which names in other cases can match.
fn any_upper(fields: &[Field]) -> bool {
    let is_upper = |c: char| c.to_uppercase().eq([c]);
    fields.iter().any(|field| field.name.chars().all(is_upper))
}

/// The field that matches the upper-cased name; `None` if the name is already in upper case.
fn field_in_upper_case(fields: &[Field], name: &str) -> Option<usize> {
    if !name.chars().any(|c| c.to_uppercase().ne([c])) {
        return None;
    }
    let upper = name.to_uppercase();
    fields.iter().position(|field| field.name == upper)
}

/// A cursor in JSON text.
struct Scan<'t, 's> {
    text: &'t str,
    at: usize,
    depth: usize,
    texts: &'s mut Texts,
}

impl<'t, 's> Scan<'t, 's> {
    /// At the first value, after a byte order mark and spaces.
    fn new(bytes: &'t [u8], texts: &'s mut Texts) -> Decoded<Self> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            DecodeError(format!("invalid UTF-8 at byte {}", error.valid_up_to()))
        })?;
        let mut scan = Self {
            text,
            at: 0,
            depth: 0,
            texts,
        };
        scan.space();
        Ok(scan)
    }

    fn malformed(&self) -> DecodeError {
        DecodeError(format!("malformed JSON at byte {}", self.at))
    }

    fn mismatch(first: Option<u8>, expected: &str) -> DecodeError {
        let got = match first {
            Some(b'{') => "object",
            Some(b'[') => "array",
            Some(b'"') => "string",
            Some(b't' | b'f') => "boolean",
            Some(b'n') => "null",
            Some(b'-' | b'0'..=b'9') => "number",
            Some(_) => "malformed JSON",
            None => "nothing",
        };
        DecodeError(format!("expected {expected}, got {got}"))
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Decoded<u8> {
        let byte = self.peek().ok_or_else(|| self.malformed())?;
        self.at += 1;
        Ok(byte)
    }

    fn since(&self, start: usize) -> Decoded<&'t str> {
        let text = self.text.get(start..self.at);
        text.ok_or_else(|| self.malformed())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, byte: u8) -> Decoded<()> {
        match self.eat(byte) {
            true => Ok(()),
            false => Err(self.malformed()),
        }
    }

    /// Consumes the word and returns `value`.
    fn word<T>(&mut self, word: &str, value: T) -> Decoded<T> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.malformed());
        }
        self.at += word.len();
        Ok(value)
    }

    /// A string. Half of a surrogate pair becomes U+FFFD.
    fn string(&mut self) -> Decoded<Cow<'t, str>> {
        self.expect(b'"')?;
        let start = self.at;
        self.at += plain_length(self.rest());
        let plain = self.since(start)?;
        if self.eat(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            match self.next()? {
                b'"' => return Ok(Cow::Owned(text)),
                b'\\' => text.push(self.escape()?),
                _ => return Err(self.malformed()),
            }
            let start = self.at;
            self.at += plain_length(self.rest());
            text.push_str(self.since(start)?);
        }
    }

    fn escape(&mut self) -> Decoded<char> {
        Ok(match self.next()? {
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                let after = self.at;
                if (0xD800..0xDC00).contains(&first) && self.rest().starts_with(b"\\u") {
                    self.at += 2;
                    let second = self.unit()?;
                    if (0xDC00..0xE000).contains(&second) {
                        let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                        return char::from_u32(code).ok_or_else(|| self.malformed());
                    }
                    self.at = after;
                }
                char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(self.malformed()),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Decoded<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16);
            unit = unit * 16 + digit.ok_or_else(|| self.malformed())?;
        }
        Ok(unit)
    }

    fn digits(&mut self) -> Decoded<usize> {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit());
        let count = digits.count();
        self.at += count;
        match count {
            0 => Err(self.malformed()),
            count => Ok(count),
        }
    }

    fn number(&mut self) -> Decoded<&'t str> {
        let start = self.at;
        self.eat(b'-');
        let has_leading_zero = self.peek() == Some(b'0');
        if self.digits()? > 1 && has_leading_zero {
            return Err(self.malformed());
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'-') || self.eat(b'+');
            self.digits()?;
        }
        self.since(start)
    }

    /// The items between `open` and `close`.
    fn items(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Decoded<()>,
    ) -> Decoded<()> {
        self.expect(open)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} deep");
            return Err(DecodeError(message));
        }
        self.space();
        if !self.eat(close) {
            loop {
                item(self)?;
                self.space();
                if self.eat(close) {
                    break;
                }
                self.expect(b',')?;
                self.space();
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// A field's name and the colon after it.
    fn name(&mut self) -> Decoded<Cow<'t, str>> {
        let name = self.string()?;
        self.space();
        self.expect(b':')?;
        self.space();
        Ok(name)
    }

    fn skip(&mut self) -> Decoded<()> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.items(b'{', b'}', |scan| {
                scan.name()?;
                scan.skip()
            }),
            Some(b'[') => self.items(b'[', b']', Self::skip),
            Some(b't') => self.word("true", ()),
            Some(b'f') => self.word("false", ()),
            Some(b'n') => self.word("null", ()),
            _ => self.number().map(drop),
        }
    }

    /// Reads an object's fields into `row`, which holds a null for each field.
    fn object(
        &mut self,
        fields: &[Field],
        used: &[bool],
        any_upper: bool,
        row: &mut [Value],
    ) -> Decoded<()> {
        if self.peek() != Some(b'{') {
            return Err(Self::mismatch(self.peek(), "object"));
        }
        // Most writers keep the column order, so the next field is usually the next column.
        let mut next = 0;
        let mut exact = vec![false; if any_upper { fields.len() } else { 0 }];
        let mut in_other_case: Vec<(usize, usize)> = Vec::new();
        self.items(b'{', b'}', |scan| {
            let name = scan.name()?;
            let is = |index: &usize| fields.get(*index).is_some_and(|field| field.name == name);
            let found = Some(next).filter(is);
            let found = found.or_else(|| (0..fields.len()).find(is));
            if any_upper && let Some(index) = field_in_upper_case(fields, &name) {
                let start = scan.at;
                scan.skip()?;
                in_other_case.push((index, start));
                if found.is_none() {
                    return Ok(());
                }
                scan.at = start;
            }
            let Some(index) = found else {
                return scan.skip();
            };
            next = index + 1;
            let is_used = used.get(index) != Some(&false);
            if let Some(exact) = exact.get_mut(index) {
                *exact = true;
            }
            scan.field(fields, index, is_used, row)
        })?;
        for (index, start) in in_other_case {
            if exact.get(index) == Some(&false) {
                let end = std::mem::replace(&mut self.at, start);
                self.field(fields, index, true, row)?;
                self.at = end;
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        fields: &[Field],
        index: usize,
        is_used: bool,
        row: &mut [Value],
    ) -> Decoded<()> {
        let (Some(field), Some(place)) = (fields.get(index), row.get_mut(index)) else {
            return self.skip();
        };
        // Any JSON value can be read as a VARCHAR, and any number as a DOUBLE.
        let always_fits = match field.ty {
            SqlType::Varchar => true,
            SqlType::Double => matches!(self.peek(), Some(b'-' | b'0'..=b'9')),
            _ => false,
        };
        if !is_used && always_fits {
            *place = Value::Null;
            return self.skip();
        }
        *place = self.value(&field.ty).map_err(|DecodeError(reason)| {
            DecodeError(format!("field `{}`: {reason}", field.name))
        })?;
        Ok(())
    }

    fn value(&mut self, ty: &SqlType) -> Decoded<Value> {
        let first = self.peek();
        match (first, ty) {
            (Some(b'n'), _) => self.word("null", Value::Null),
            (Some(b't'), SqlType::Boolean) => self.word("true", Value::Boolean(true)),
            (Some(b'f'), SqlType::Boolean) => self.word("false", Value::Boolean(false)),
            (Some(b'"'), SqlType::Varchar) => {
                let text = self.string()?;
                Ok(Value::Text(self.texts.shared(&text)))
            }
            (_, SqlType::Varchar) => {
                let mut text = Vec::new();
                self.as_text(false, &mut text)?;
                Ok(Value::text(String::from_utf8_lossy(&text)))
            }
            (Some(b'-' | b'0'..=b'9'), ty) if ty.is_numeric() => {
                let text = self.number()?;
                let number = match ty {
                    // Keeps only the lowest bits, as in Java.
                    SqlType::Integer => whole_part(text).map(|whole| Value::Integer(whole as i32)),
                    SqlType::BigInt => whole_part(text).map(Value::BigInt),
                    SqlType::Decimal { precision, scale } => {
                        fits_decimal(text, *precision, *scale).then_some(Value::Null)
                    }
                    // -0 is read as 0.
                    _ => text.parse().ok().map(|number: f64| match number {
                        0.0 => Value::Double(0.0),
                        number => Value::Double(number),
                    }),
                };
                number.ok_or_else(|| DecodeError(format!("number out of range for {ty}")))
            }
            (Some(b'"'), ty) if ty.is_numeric() => {
                let text = self.string()?;
                let number = match ty {
                    SqlType::Integer => text.parse().ok().map(Value::Integer),
                    SqlType::BigInt => text.parse().ok().map(Value::BigInt),
                    SqlType::Decimal { precision, scale } => parse_double(&text)
                        .filter(|_| fits_decimal(text.trim(), *precision, *scale))
                        .map(|_| Value::Null),
                    _ => parse_double(&text).map(Value::Double),
                };
                number.ok_or_else(|| Self::mismatch(first, &ty.to_string()))
            }
            (Some(b'['), SqlType::Array(element)) => {
                let mut items = Vec::new();
                self.items(b'[', b']', |scan| {
                    items.push(scan.value(element)?);
                    Ok(())
                })?;
                Ok(Value::Array(items.into()))
            }
            (Some(b'{'), SqlType::Map(inner)) => self.map(inner),
            (Some(b'{'), SqlType::Struct(fields)) => {
                let mut row = vec![Value::Null; fields.len()];
                self.object(fields, &[], any_upper(fields), &mut row)?;
                Ok(Value::Struct(row.into()))
            }
            _ => Err(Self::mismatch(first, &ty.to_string())),
        }
    }

    /// If a key occurs twice, the last entry wins.
    fn map(&mut self, inner: &SqlType) -> Decoded<Value> {
        let mut entries: Vec<(Arc<str>, Value)> = Vec::new();
        let mut places: HashMap<Arc<str>, usize> = HashMap::new();
        self.items(b'{', b'}', |scan| {
            let name = scan.name()?;
            let name = scan.texts.shared(&name);
            let value = scan.value(inner)?;
            match places.entry(Arc::clone(&name)) {
                Entry::Vacant(place) => {
                    place.insert(entries.len());
                    entries.push((name, value));
                }
                Entry::Occupied(place) => {
                    if let Some(entry) = entries.get_mut(*place.get()) {
                        entry.1 = value;
                    }
                }
            }
            Ok(())
        })?;
        Ok(Value::Map(entries.into()))
    }

    /// Converts a JSON value to text for a VARCHAR column: a number keeps its digits, an object becomes
    /// compact JSON, an array becomes `[a, b]`.
    fn as_text(&mut self, in_object: bool, text: &mut Vec<u8>) -> Decoded<()> {
        let mut first = true;
        let mut comma = |comma: &str, text: &mut Vec<u8>| {
            if !std::mem::replace(&mut first, false) {
                text.extend_from_slice(comma.as_bytes());
            }
        };
        match self.peek() {
            Some(b'"') => {
                let string = self.string()?;
                match in_object {
                    true => write_str(&string, false, text),
                    false => text.extend_from_slice(string.as_bytes()),
                }
            }
            Some(b'{') => {
                text.push(b'{');
                self.items(b'{', b'}', |scan| {
                    comma(",", text);
                    write_str(&scan.name()?, false, text);
                    text.push(b':');
                    scan.as_text(true, text)
                })?;
                text.push(b'}');
            }
            Some(b'[') => {
                text.push(b'[');
                self.items(b'[', b']', |scan| {
                    comma(if in_object { "," } else { ", " }, text);
                    scan.as_text(in_object, text)
                })?;
                text.push(b']');
            }
            Some(b't' | b'f' | b'n') => {
                let start = self.at;
                self.skip()?;
                text.extend_from_slice(self.since(start)?.as_bytes());
            }
            _ => {
                let number = number_text(self.number()?);
                let number = number.ok_or_else(|| {
                    DecodeError("the exponent of a number is out of range".to_owned())
                })?;
                text.extend_from_slice(number.as_bytes());
            }
        }
        Ok(())
    }
}

/// A cache of recent short texts, so that repeated texts share memory.
#[derive(Debug, Default)]
struct Texts(Vec<Option<Arc<str>>>);

impl Texts {
    fn shared(&mut self, text: &str) -> Arc<str> {
        const SLOTS: usize = 128;
        const MAX_BYTES: usize = 64;
        let bytes = text.as_bytes();
        if bytes.len() > MAX_BYTES {
            return Arc::from(text);
        }
        self.0.resize(SLOTS, None);
        // Both ends and the length distinguish most texts of one column.
        let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let ends = match bytes.len() {
            8.. => word(bytes.first_chunk()) ^ word(bytes.last_chunk()).rotate_left(17),
            _ => bytes
                .iter()
                .fold(0, |word, byte| (word << 8) | u64::from(*byte)),
        };
        let mixed = (ends ^ bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        match self.0.get_mut((mixed >> 57) as usize % SLOTS) {
            Some(Some(known)) if **known == *text => Arc::clone(known),
            Some(place) => Arc::clone(place.insert(Arc::from(text))),
            None => Arc::from(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ty: SqlType, json: &str) -> Result<Value, String> {
        let name = "F".to_owned();
        let mut reader = JsonReader::new(&[Column { name, ty }], &[true]);
        let mut row = Vec::new();
        let read = reader.read(json.as_bytes(), &mut row);
        read.map_err(|DecodeError(reason)| reason)?;
        Ok(row.remove(0))
    }

    fn structure(name: &str, ty: SqlType) -> SqlType {
        let name = name.to_owned();
        SqlType::Struct([Field { name, ty }].into())
    }

    #[test]
    fn an_error_names_the_field_and_not_the_value() {
        let inner = structure("I", SqlType::Boolean);
        for (ty, json, reason) in [
            (
                SqlType::Integer,
                r#"{"F":"4711x"}"#,
                "field `F`: expected INTEGER, got string",
            ),
            (
                SqlType::Double,
                r#"{"F":[4711]}"#,
                "field `F`: expected DOUBLE, got array",
            ),
            (
                inner,
                r#"{"F":{"I":4711}}"#,
                "field `F`: field `I`: expected BOOLEAN, got number",
            ),
            (SqlType::Integer, r#""4711""#, "expected object, got string"),
            (SqlType::Integer, r#"{"F":4711"#, "malformed JSON at byte 9"),
            (SqlType::Integer, "", "expected object, got nothing"),
        ] {
            assert_eq!(read(ty, json), Err(reason.to_owned()));
        }
    }

    #[test]
    fn malformed_json_is_rejected_even_in_unused_fields() {
        let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
        for value in [
            "01",
            "-",
            "1.",
            "1e",
            "tru",
            "[1,]",
            "[1",
            "{",
            r#"{"a"}"#,
            r#""\x""#,
            r#""\u12""#,
            "\"\u{1}\"",
            "'a'",
            "NaN",
            "",
            &deep,
        ] {
            let json = format!(r#"{{"OTHER":{value},"F":1}}"#);
            assert!(read(SqlType::Integer, &json).is_err(), "{value}");
        }
        let fine = r#" { "OTHER" : [{"a":-0.5e+3}, "\"\u00e9", null, true] , "F" : 1 } rest"#;
        assert_eq!(read(SqlType::Integer, fine), Ok(Value::Integer(1)));
    }

    #[test]
    fn half_of_a_surrogate_pair_becomes_the_replacement_character() {
        for (json, text) in [
            (r#"{"F":"\ud83d\ude00é"}"#, "😀é"),
            (
                r#"{"F":"x\ude00\ud83d\u1f41"}"#,
                "x\u{FFFD}\u{FFFD}\u{1f41}",
            ),
            (r#"{"F":"\ud83d"}"#, "\u{FFFD}"),
        ] {
            assert_eq!(read(SqlType::Varchar, json), Ok(Value::text(text)));
        }
    }

    #[test]
    fn a_field_in_another_case_fills_a_column_without_a_field() {
        for (json, number) in [
            (r#"{"f":1}"#, 1),
            (r#"{"F":1,"f":2}"#, 1),
            (r#"{"f":"x","F":1}"#, 1),
            (r#"{"F":1,"F":2}"#, 2),
        ] {
            assert_eq!(read(SqlType::Integer, json), Ok(Value::Integer(number)));
        }
        let lower = structure("i", SqlType::Integer);
        let row = Value::Struct([Value::Null].into());
        assert_eq!(read(lower, r#"{"F":{"I":1}}"#), Ok(row));
    }

    #[test]
    fn any_value_can_be_read_as_a_varchar() {
        for (json, text) in [
            ("1.50", "1.50"),
            ("true", "true"),
            (
                r#"["a",[1,"b"],{"c":["d", 1]}]"#,
                r#"[a, [1, b], {"c":["d",1]}]"#,
            ),
            (r#"{ "a" : "\"😀", "b": {} }"#, r#"{"a":"\"😀","b":{}}"#),
        ] {
            let json = format!(r#"{{"F":{json}}}"#);
            assert_eq!(read(SqlType::Varchar, &json), Ok(Value::text(text)));
        }
        let map = SqlType::Map(Box::new(SqlType::Integer));
        let entries = [
            (Arc::from("a"), Value::Integer(3)),
            (Arc::from("b"), Value::Integer(2)),
        ];
        let read = read(map, r#"{"F":{"a":1,"b":2,"a":3}}"#);
        assert_eq!(read, Ok(Value::Map(entries.into())));
    }
}
