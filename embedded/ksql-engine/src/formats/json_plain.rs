//! JSON objects whose fields are of the obvious types, read in one pass over the bytes.
//!
//! What needs more thought (a number in a VARCHAR column, a number written as text, an array, a
//! field of another case, anything malformed) is left to [`json_read`](super::json_read), which is
//! exact and slower.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::formats::json_read::has_upper;
use crate::formats::scan::plain_length;
use crate::formats::texts::Texts;
use crate::numbers::small_decimal;
use crate::text::{Text, upper};
use crate::types::{Field, SqlType};
use crate::value::Value;

/// Puts the fields' values into `row`, which holds one null for each. `false`: nothing can be said,
/// and `row` may hold anything.
pub(crate) fn read(
    text: &str,
    fields: &[Field],
    used: &[bool],
    any_upper: bool,
    texts: &mut Texts,
    row: &mut [Value],
) -> bool {
    let mut scan = Scan { text, at: 0 };
    scan.space();
    let mut object = Object {
        fields,
        used,
        any_upper,
        row,
    };
    object.read(&mut scan, texts).is_some()
}

/// An object whose fields go into a row.
struct Object<'o> {
    fields: &'o [Field],
    /// Whether anybody looks at a field; all beyond its end are looked at.
    used: &'o [bool],
    any_upper: bool,
    row: &'o mut [Value],
}

impl Object<'_> {
    fn read(&mut self, scan: &mut Scan<'_>, texts: &mut Texts) -> Option<()> {
        scan.expect(b'{')?;
        scan.space();
        if scan.eat(b'}') {
            return Some(());
        }
        // Writers keep an order: the next field is most often the next column.
        let mut next = 0;
        loop {
            let name = scan.plain_string()?;
            let is = |index: &usize| {
                let field = self.fields.get(*index);
                field.is_some_and(|field| field.name == name)
            };
            let found = Some(next)
                .filter(is)
                .or_else(|| (0..self.fields.len()).find(is));
            if self.any_upper && fills_another(self.fields, name) {
                return None;
            }
            scan.space();
            scan.expect(b':')?;
            scan.space();
            match found.and_then(|index| Some((index, self.fields.get(index)?))) {
                None => scan.skip()?,
                Some((index, field)) => {
                    next = index + 1;
                    let used = self.used.get(index) != Some(&false);
                    let value = match field.ty {
                        // Anything can be read as text, and any number as a DOUBLE.
                        SqlType::Varchar if !used => {
                            scan.skip()?;
                            Value::Null
                        }
                        SqlType::Double if !used && scan.is_at_number() => {
                            scan.number()?;
                            Value::Null
                        }
                        _ => scan.value(&field.ty, texts)?,
                    };
                    *self.row.get_mut(index)? = value;
                }
            }
            scan.space();
            if scan.eat(b'}') {
                return Some(());
            }
            scan.expect(b',')?;
            scan.space();
        }
    }
}

/// Whether the name's upper case is that of a field with another name.
fn fills_another(fields: &[Field], name: &str) -> bool {
    if name.is_ascii() {
        let is_lower = name.bytes().any(|byte| byte.is_ascii_lowercase());
        return is_lower && fields.iter().any(|field| is_upper_of(&field.name, name));
    }
    let upper = upper(name);
    upper != name && fields.iter().any(|field| field.name == upper)
}

fn is_upper_of(upper: &str, name: &str) -> bool {
    let pairs = upper.bytes().zip(name.bytes());
    upper.len() == name.len() && pairs.into_iter().all(|(a, b)| a == b.to_ascii_uppercase())
}

/// A place in JSON text. Every `None` is a reason to read it again, exactly.
struct Scan<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scan<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or(&[])
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

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.eat(byte).then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let is = self.rest().starts_with(word.as_bytes());
        self.at += word.len();
        is.then_some(())
    }

    /// A string without escapes.
    fn plain_string(&mut self) -> Option<&'t str> {
        self.expect(b'"')?;
        let start = self.at;
        self.at += plain_length(self.rest());
        let text = self.text.get(start..self.at)?;
        self.expect(b'"')?;
        Some(text)
    }

    fn string(&mut self) -> Option<Cow<'t, str>> {
        let start = self.at;
        if let Some(text) = self.plain_string() {
            return Some(Cow::Borrowed(text));
        }
        self.at = start;
        let raw = self.raw()?;
        serde_json::from_str(raw).ok().map(Cow::Owned)
    }

    /// Any value's text.
    fn raw(&mut self) -> Option<&'t str> {
        let mut values = serde_json::Deserializer::from_str(self.text.get(self.at..)?);
        let raw: &'t RawValue = serde::Deserialize::deserialize(&mut values).ok()?;
        self.at += raw.get().len();
        Some(raw.get())
    }

    fn skip(&mut self) -> Option<()> {
        let start = self.at;
        match self.peek()? {
            b'"' if self.plain_string().is_some() => {}
            b'"' => {
                self.at = start;
                // It must be possible to read its escapes, even if nobody does.
                self.string()?;
            }
            b'-' | b'0'..=b'9' => {
                self.number()?;
            }
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => {
                self.raw()?;
            }
        }
        Some(())
    }

    fn is_at_number(&self) -> bool {
        matches!(self.peek(), Some(b'-' | b'0'..=b'9'))
    }

    fn digits(&mut self) -> Option<&'t [u8]> {
        let rest = self.rest();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        rest.get(..count).filter(|digits| !digits.is_empty())
    }

    /// A number of JSON's grammar.
    fn number(&mut self) -> Option<Number<'t>> {
        let start = self.at;
        let negative = self.eat(b'-');
        let whole = self.digits()?;
        if whole.len() > 1 && whole.first() == Some(&b'0') {
            return None;
        }
        let fraction = match self.eat(b'.') {
            true => self.digits()?,
            false => &[],
        };
        let is_short = !matches!(self.peek(), Some(b'e' | b'E'));
        if !is_short {
            self.at += 1;
            let _ = self.eat(b'-') || self.eat(b'+');
            self.digits()?;
        }
        Some(Number {
            text: self.text.get(start..self.at)?,
            negative,
            whole,
            fraction,
            is_short,
        })
    }

    /// A value of the JSON type that is obvious for the column's.
    fn value(&mut self, ty: &SqlType, texts: &mut Texts) -> Option<Value> {
        match (self.peek()?, ty) {
            (b'n', _) => self.word("null").map(|()| Value::Null),
            (b'"', SqlType::Varchar) => {
                let text = self.string()?;
                Some(Value::Text(Text::Whole(texts.shared(&text))))
            }
            (b't', SqlType::Boolean) => self.word("true").map(|()| Value::Boolean(true)),
            (b'f', SqlType::Boolean) => self.word("false").map(|()| Value::Boolean(false)),
            (b'{', SqlType::Struct(fields)) => {
                let mut row: Arc<[Value]> =
                    std::iter::repeat_n(Value::Null, fields.len()).collect();
                let mut object = Object {
                    fields,
                    used: &[],
                    any_upper: has_upper(fields),
                    row: Arc::get_mut(&mut row)?,
                };
                object.read(self, texts)?;
                Some(Value::Struct(row))
            }
            (b'-' | b'0'..=b'9', SqlType::Double) => self.number()?.double().map(Value::Double),
            // Only the lowest bits count, as in Java.
            (b'-' | b'0'..=b'9', SqlType::Integer) => self
                .number()?
                .whole()
                .map(|number| Value::Integer(number as i32)),
            (b'-' | b'0'..=b'9', SqlType::BigInt) => self.number()?.whole().map(Value::BigInt),
            _ => None,
        }
    }
}

/// A number's text cut into its parts.
struct Number<'t> {
    text: &'t str,
    negative: bool,
    whole: &'t [u8],
    fraction: &'t [u8],
    /// Whether it has no exponent.
    is_short: bool,
}

impl Number<'_> {
    /// Its digits as one whole number, if they are few.
    fn digits(&self) -> Option<u64> {
        let digits = self.whole.iter().chain(self.fraction);
        (self.whole.len() + self.fraction.len() <= 18)
            .then(|| digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
    }

    fn whole(&self) -> Option<i64> {
        let is_whole = self.is_short && self.fraction.is_empty();
        let digits = is_whole.then(|| self.digits())??;
        let number = i64::try_from(digits).ok()?;
        Some(if self.negative { -number } else { number })
    }

    /// Correctly rounded. A zero has no sign, as Java's BigDecimal has none; one that only the
    /// rounding made, and what is too large, are left to the exact way.
    fn double(&self) -> Option<f64> {
        let exponent = -(i64::try_from(self.fraction.len()).ok()?);
        let short = self.digits().filter(|_| self.is_short);
        if short == Some(0) {
            return Some(0.0);
        }
        if let Some(number) = short.and_then(|digits| small_decimal(digits, exponent)) {
            return Some(if self.negative { -number } else { number });
        }
        let number: f64 = self.text.parse().ok()?;
        (number.is_finite() && number != 0.0).then_some(number)
    }
}
