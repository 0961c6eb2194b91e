//! Numbers as Java writes, reads, rounds and compares them.

use std::cmp::Ordering;

use crate::decimal_double::DecimalDouble;

/// A finite number as decimal digits: `0.d₁d₂… · 10^(exponent + number of digits)`, that is the
/// digits as one whole number times `10^exponent`. No leading zeros; zero has no digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digits {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Digits {
    /// From ASCII digits; leading and trailing zeros fall away.
    pub(crate) fn new(negative: bool, mut digits: Vec<u8>, mut exponent: i64) -> Self {
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent += 1;
        }
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        if digits.is_empty() {
            return Self {
                negative: false,
                digits,
                exponent: 0,
            };
        }
        Self {
            negative,
            digits,
            exponent,
        }
    }

    /// By value.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits.is_empty(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let by_sign = sign(self).cmp(&sign(other));
        if by_sign != Ordering::Equal || sign(self) == 0 {
            return by_sign;
        }
        let magnitude = |number: &Self| number.exponent + number.digits.len() as i64;
        let by_size = magnitude(self)
            .cmp(&magnitude(other))
            // Equal magnitude and no trailing zeros: digit by digit, the longer one is larger.
            .then_with(|| self.digits.cmp(&other.digits));
        if self.negative {
            by_size.reverse()
        } else {
            by_size
        }
    }
}

/// A DOUBLE against an exact decimal, as `BigDecimal.valueOf(double).compareTo` does it: by the
/// double's text. None if the double is not finite.
pub(crate) fn compare_double_with(number: f64, digits: &Digits, nearest: f64) -> Option<Ordering> {
    if !number.is_finite() {
        return None;
    }
    // Two different doubles never have texts in the other order than themselves.
    match number.partial_cmp(&nearest)? {
        Ordering::Equal => Some(DecimalDouble::of(number)?.digits().compare(digits)),
        order => Some(order),
    }
}

/// Appends a finite number as [`double_text`] writes it.
pub(crate) fn write_double(number: f64, bytes: &mut Vec<u8>) {
    // In this range the text has no exponent, so that both writers agree.
    if (1e-3..1e7).contains(&number.abs()) {
        bytes.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    } else {
        bytes.extend_from_slice(double_text(number).as_bytes());
    }
}

/// A number of at most 2^53 times a small power of ten: one division or multiplication of two exact
/// doubles rounds correctly.
pub(crate) fn small_decimal(digits: u64, exponent: i64) -> Option<f64> {
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    let power = *POWERS.get(usize::try_from(exponent.unsigned_abs()).ok()?)?;
    let number = (digits <= 1 << 53).then_some(digits as f64)?;
    Some(if exponent < 0 {
        number / power
    } else {
        number * power
    })
}

/// As `Double.toString` of JDK 19 and later writes it: the shortest digits that read back as the
/// number. JDK 17 writes a few numbers with more digits, for example 1.4000000000000001E23 for 1.4E23.
pub fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    if number == 0.0 {
        return if number.is_sign_negative() {
            "-0.0"
        } else {
            "0.0"
        }
        .to_owned();
    }
    let (digits, exponent) = DecimalDouble::of(number)
        .map(|decimal| decimal.digits_and_point())
        .unwrap_or_default();
    let sign = if number < 0.0 { "-" } else { "" };
    match usize::try_from(exponent) {
        Ok(whole @ 1..8) if digits.len() <= whole => {
            let zeros = "0".repeat(whole - digits.len());
            format!("{sign}{digits}{zeros}.0")
        }
        Ok(whole @ 1..8) => {
            let (whole, fraction) = digits.split_at(whole);
            format!("{sign}{whole}.{fraction}")
        }
        _ if (-2..=0).contains(&exponent) => {
            let zeros = "0".repeat(exponent.unsigned_abs() as usize);
            format!("{sign}0.{zeros}{digits}")
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let rest = if rest.is_empty() { "0" } else { rest };
            format!("{sign}{first}.{rest}E{}", exponent - 1)
        }
    }
}

/// As `BigDecimal.toString` writes `digits · 10^-scale`.
pub(crate) fn big_decimal_text(negative: bool, digits: &str, scale: i64) -> String {
    let sign = if negative { "-" } else { "" };
    let length = digits.len() as i64;
    let adjusted = length - 1 - scale;
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    if scale > 0 && adjusted >= -6 {
        if length > scale {
            let (whole, fraction) = digits.split_at((length - scale) as usize);
            return format!("{sign}{whole}.{fraction}");
        }
        let zeros = "0".repeat((scale - length) as usize);
        return format!("{sign}0.{zeros}{digits}");
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let plus = if adjusted >= 0 { "+" } else { "" };
    format!("{sign}{first}{point}{rest}E{plus}{adjusted}")
}

/// As `Double.parseDouble` reads it: trimmed, `NaN`, `Infinity`, a trailing `d` or `f`, and
/// hexadecimal numbers with an exponent (`0x1.8p1`).
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = match unsigned {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        _ => {
            // One sign only: what follows must be a digit or the point.
            if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
                return None;
            }
            let number = unsigned
                .strip_suffix(['d', 'D', 'f', 'F'])
                .unwrap_or(unsigned);
            match number.strip_prefix("0x").or(number.strip_prefix("0X")) {
                Some(_) => {
                    return None
                        .or_else(|| parse_hex(unsigned))
                        .map(|m| if negative { -m } else { m });
                }
                None => {
                    let plain = |byte: u8| {
                        byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-')
                    };
                    if !number.bytes().all(plain) {
                        return None;
                    }
                    number.parse().ok()?
                }
            }
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// Hexadecimal digits with a binary exponent; exact up to 53 bits, else refused.
fn parse_hex(text: &str) -> Option<f64> {
    let text = text.strip_prefix("0x").or(text.strip_prefix("0X"))?;
    let text = text
        .strip_suffix(['d', 'D', 'f', 'F'])
        .filter(|rest| rest.contains(['p', 'P']))
        .unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !plain || digits.is_empty() || digits.len() > 13 {
        return None;
    }
    let bits = u64::from_str_radix(&digits, 16).ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let exponent = exponent.checked_sub(4 * i32::try_from(fraction.len()).ok()?)?;
    Some(bits as f64 * 2_f64.powi(exponent))
}

/// A JSON number's text cut into its parts.
pub(crate) struct JsonNumber<'t> {
    negative: bool,
    whole: &'t str,
    fraction: &'t str,
    exponent: i64,
    is_integer: bool,
}

impl<'t> JsonNumber<'t> {
    /// `text` is a valid JSON number. None if its exponent is beyond Java's.
    pub(crate) fn new(text: &'t str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Some(Self {
            negative,
            whole,
            fraction,
            exponent: i64::from(exponent),
            is_integer: rest.bytes().all(|byte| byte.is_ascii_digit()),
        })
    }

    /// The digits without the point, at least one.
    fn unscaled(&self) -> String {
        let joined = format!("{}{}", self.whole, self.fraction);
        let significant = joined.trim_start_matches('0');
        if significant.is_empty() {
            "0"
        } else {
            significant
        }
        .to_owned()
    }

    /// The number's text as Java keeps it: an integer's digits, else `BigDecimal.toString`.
    pub(crate) fn text(&self) -> String {
        let digits = self.unscaled();
        let negative = self.negative && digits != "0";
        if self.is_integer {
            return if negative {
                format!("-{digits}")
            } else {
                digits
            };
        }
        big_decimal_text(
            negative,
            &digits,
            self.fraction.len() as i64 - self.exponent,
        )
    }

    /// The whole part, its lowest 64 bits: Java's `longValue`.
    pub(crate) fn to_i64(&self) -> i64 {
        let all = self.whole.len() as i64 + self.exponent;
        let digits = self.whole.bytes().chain(self.fraction.bytes());
        let written = (self.whole.len() + self.fraction.len()) as i64;
        let mut bits = 0_u64;
        for digit in digits.take(usize::try_from(all).unwrap_or(0)) {
            bits = bits.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        }
        for _ in 0..(all - written).clamp(0, 64) {
            bits = bits.wrapping_mul(10);
        }
        let value = bits as i64;
        if self.negative {
            value.wrapping_neg()
        } else {
            value
        }
    }

    /// Unscaled digits and scale of the exact value.
    pub(crate) fn exact(&self) -> (bool, String, i64) {
        (
            self.negative,
            self.unscaled(),
            self.fraction.len() as i64 - self.exponent,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        for (number, text) in [
            (1.0, "1.0"),
            (100.0, "100.0"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (0.001, "0.001"),
            (0.000_999_9, "9.999E-4"),
            (1e23, "1.0E23"),
            (2e23, "2.0E23"),
            (1.7e308, "1.7E308"),
            (4.9e-324, "4.9E-324"),
            (1e-5, "1.0E-5"),
            (-0.15, "-0.15"),
            (1_234_567.5, "1234567.5"),
        ] {
            assert_eq!(double_text(number), text);
        }
    }

    #[test]
    fn a_number_has_one_sign() {
        for (text, number) in [
            ("-5", -5.0),
            ("+.5", 0.5),
            (" 1e-3 ", 1e-3),
            ("2f", 2.0),
            ("-0x1.8p+1", -3.0),
        ] {
            assert_eq!(parse_double(text), Some(number), "{text}");
        }
        for text in [
            "--5", "+-5", "-+5", "++5", "-", ".", "0x+1p0", "0x-1p0", "0x1.+8p0", "-0x-1p0",
        ] {
            assert_eq!(parse_double(text), None, "{text}");
        }
    }

    #[test]
    fn the_short_way_writes_doubles_as_the_long_way() {
        let mut number = 1.1e-5_f64;
        while number < 1e9 {
            for number in [
                number,
                -number,
                (number * 1e3).round() / 1e3,
                number.round(),
            ] {
                let mut bytes = Vec::new();
                write_double(number, &mut bytes);
                assert_eq!(String::from_utf8_lossy(&bytes), double_text(number));
            }
            number *= 1.000_73;
        }
    }
}
