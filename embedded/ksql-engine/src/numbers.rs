//! Numbers: exact decimals, rounding, and the text forms that ksqlDB reads and writes.

use std::cmp::Ordering;

/// The most digits of a DECIMAL.
const MAX_PRECISION: u32 = 38;

/// `unscaled · 10^-scale`, with at most 38 digits: a literal such as `0.15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    unscaled: i128,
    scale: u32,
}

impl Decimal {
    pub(crate) fn new(unscaled: i128, scale: u32) -> Self {
        Self { unscaled, scale }
    }

    /// Reads `12.50`, whose scale is 2. `None` for more than 38 digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let number = Self {
            unscaled: format!("{whole}{fraction}").parse().ok()?,
            scale: u32::try_from(fraction.len()).ok()?,
        };
        (number.precision() <= MAX_PRECISION).then_some(number)
    }

    /// Number of digits, at least the number of fractional digits.
    pub(crate) fn precision(self) -> u32 {
        let digits = self.unscaled.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
        digits.max(self.scale)
    }

    /// Number of fractional digits.
    pub(crate) fn scale(self) -> u32 {
        self.scale
    }

    /// The whole part.
    pub(crate) fn truncated(self) -> i128 {
        10_i128
            .checked_pow(self.scale)
            .map_or(0, |unit| self.unscaled / unit)
    }

    /// The nearest DOUBLE.
    pub(crate) fn to_f64(self) -> f64 {
        format!("{}e-{}", self.unscaled, self.scale)
            .parse()
            .unwrap_or(f64::NAN)
    }

    /// Compares by value, or by the nearest DOUBLEs if the common scale does not fit 128 bits.
    pub(crate) fn compare(self, other: Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        let scaled = |number: Self| {
            let factor = 10_i128.checked_pow(scale - number.scale)?;
            number.unscaled.checked_mul(factor)
        };
        match (scaled(self), scaled(other)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => self.to_f64().total_cmp(&other.to_f64()),
        }
    }
}

/// Appends a finite number as [`double_text`] writes it.
pub(crate) fn write_double(number: f64, bytes: &mut Vec<u8>) {
    // In this range, neither writer uses an exponent and both give the same text.
    if (1e-3..1e7).contains(&number.abs()) {
        bytes.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    } else {
        bytes.extend_from_slice(double_text(number).as_bytes());
    }
}

/// The number as ksqlDB prints it: the shortest digits that read back as the same number, with an
/// exponent outside of 10^-3 to 10^7. A server on JDK 17 prints more digits for a few numbers, for
/// example 1.4000000000000001E23 for 1.4E23.
///
/// ```
/// # use ksql_engine::numbers::double_text;
/// assert_eq!(double_text(100.0), "100.0");
/// assert_eq!(double_text(1.5e7), "1.5E7");
/// ```
pub fn double_text(number: f64) -> String {
    let magnitude = number.abs();
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        let sign = if number < 0.0 { "-" } else { "" };
        format!("{sign}Infinity")
    } else if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        format!("{number:?}")
    } else {
        let text = format!("{number:E}");
        match text.split_once('E') {
            Some((mantissa, exponent)) if !mantissa.contains('.') => {
                format!("{mantissa}.0E{exponent}")
            }
            _ => text,
        }
    }
}

/// `digits · 10^exponent` with the shortest digits that read back as the finite, positive number.
fn shortest(number: f64) -> (u64, i64) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(number);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let fraction = mantissa
        .split_once('.')
        .map_or(0, |(_, digits)| digits.len());
    let digits = mantissa
        .bytes()
        .filter(u8::is_ascii_digit)
        .fold(0, |digits, digit| digits * 10 + u64::from(digit - b'0'));
    (
        digits,
        exponent.parse::<i64>().unwrap_or(0) - fraction as i64,
    )
}

/// Rounds the shortest decimal text of a number to `places` fractional digits, ties towards positive
/// infinity: 1.005 rounds to 1.01 although the nearest DOUBLE is below it. The result is never -0.0.
/// `None` if the number is not finite.
pub(crate) fn round(number: f64, places: i32) -> Option<f64> {
    if !number.is_finite() {
        return None;
    }
    let (digits, exponent) = shortest(number.abs());
    let dropped = -(exponent + i64::from(places));
    if dropped <= 0 {
        return Some(number + 0.0);
    }
    let unit = u32::try_from(dropped)
        .ok()
        .and_then(|dropped| 10_u64.checked_pow(dropped));
    // The number has at most 18 digits, so it rounds to zero.
    let Some(unit) = unit else { return Some(0.0) };
    let (kept, rest) = (digits / unit, digits % unit);
    let up = rest > unit / 2 || (rest == unit / 2 && number > 0.0);
    let rounded = decimal(kept + u64::from(up), -places);
    Some(if number < 0.0 { 0.0 - rounded } else { rounded })
}

/// `digits · 10^exponent`. One multiplication or division of two exact doubles rounds correctly.
fn decimal(digits: u64, exponent: i32) -> f64 {
    if digits <= 1 << 53 && exponent.unsigned_abs() <= 22 {
        let power = 10_f64.powi(exponent.abs());
        return if exponent < 0 {
            digits as f64 / power
        } else {
            digits as f64 * power
        };
    }
    format!("{digits}e{exponent}").parse().unwrap_or(f64::NAN)
}

/// Trims spaces and control characters at both ends, as Java's `trim` does.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// A DOUBLE from a decimal number, trimmed, perhaps with Java's suffix (`1.5d`). Hexadecimal numbers
/// are not supported.
pub(crate) fn parse_java(text: &str) -> Option<f64> {
    let text = trimmed(text);
    let text = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let plain = |byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    text.bytes().all(plain).then(|| text.parse().ok())?
}

/// A DOUBLE from a JSON string: as [`parse_java`], or `NaN` or `Infinity`, which ksqlDB writes.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    match trimmed(text) {
        "NaN" => Some(f64::NAN),
        "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        other => parse_java(other),
    }
}

/// The lowest 64 bits of the whole part of a JSON number.
pub(crate) fn whole_part(text: &str) -> Option<i64> {
    let wide = || text.parse::<i128>().ok();
    let real = || {
        text.parse::<f64>()
            .ok()
            .map(|number| (number % 2_f64.powi(64)) as i128)
    };
    text.parse()
        .ok()
        .or_else(|| wide().or_else(real).map(|number| number as i64))
}

/// Splits a JSON number into digits without leading zeros and a scale: its value is
/// `digits · 10^-scale`. `None` for an exponent beyond 32 bits.
fn unscaled(text: &str) -> Option<(String, i64)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let digits = match digits.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let exponent = i64::from(exponent.parse::<i32>().ok()?);
    Some((digits.to_owned(), fraction.len() as i64 - exponent))
}

/// Whether a JSON number is a DECIMAL of this precision and scale without rounding.
pub(crate) fn fits_decimal(text: &str, precision: u32, scale: u32) -> bool {
    let Some((digits, written)) = unscaled(text) else {
        return false;
    };
    let added = i64::from(scale) - written;
    let length = digits.len() as i64 + added;
    digits == "0" || (added >= 0 && length <= i64::from(precision))
}

/// A JSON number as text in a VARCHAR column: an integer's digits, else with the scale that was
/// written, with an exponent if that is shorter. `None` for an exponent beyond 32 bits.
pub(crate) fn number_text(text: &str) -> Option<String> {
    let (digits, scale) = unscaled(text)?;
    let sign = match text.starts_with('-') && digits != "0" {
        true => "-",
        false => "",
    };
    let length = digits.len() as i64;
    let exponent = length - 1 - scale;
    if scale == 0 && !text.contains(['e', 'E']) {
        return Some(format!("{sign}{digits}"));
    }
    if scale >= 0 && exponent >= -6 {
        let padding = "0".repeat(usize::try_from(scale + 1 - length).unwrap_or(0));
        let padded = format!("{padding}{digits}");
        let (whole, fraction) = padded.split_at(padded.len() - scale as usize);
        let point = if fraction.is_empty() { "" } else { "." };
        return Some(format!("{sign}{whole}{point}{fraction}"));
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    Some(format!("{sign}{first}{point}{rest}E{exponent:+}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_have_an_exponent_outside_of_the_plain_range() {
        for (number, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (0.001, "0.001"),
            (0.000_999_9, "9.999E-4"),
            (2e23, "2.0E23"),
            (1.7e308, "1.7E308"),
            (-1e-5, "-1.0E-5"),
            (1_234_567.5, "1234567.5"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double_text(number), text);
        }
        let mut number = 1.1e-5_f64;
        while number < 1e9 {
            for number in [number, -number, (number * 1e3).round() / 1e3] {
                let mut bytes = Vec::new();
                write_double(number, &mut bytes);
                assert_eq!(String::from_utf8_lossy(&bytes), double_text(number));
            }
            number *= 1.000_73;
        }
    }

    #[test]
    fn only_plain_notation_is_read_as_a_double() {
        for (text, number) in [("-5", -5.0), ("+.5", 0.5), (" 1e-3 ", 1e-3), ("2f", 2.0)] {
            assert_eq!(parse_double(text), Some(number), "{text}");
        }
        assert_eq!(parse_double("-Infinity"), Some(f64::NEG_INFINITY));
        for text in ["--5", "+-5", "-", ".", "", "inf", "nan", "d", "0x1p3"] {
            assert_eq!(parse_double(text), None, "{text}");
        }
        assert_eq!(parse_java(" 1d "), Some(1.0));
        assert_eq!(parse_java("NaN"), None);
    }

    #[test]
    fn rounding_uses_the_decimal_text_with_ties_up() {
        for (number, places, rounded) in [
            (1.005, 2, 1.01),
            (2.675, 2, 2.68),
            (-2.675, 2, -2.67),
            (0.9996, 3, 1.0),
            (0.06, 0, 0.0),
            (149.99, -2, 100.0),
            (150.0, -2, 200.0),
            (5e-324, 3, 0.0),
            (f64::MAX, 3, f64::MAX),
            (f64::MAX, -308, f64::INFINITY),
            (-0.5, 0, 0.0),
            (-0.0, 3, 0.0),
        ] {
            let found = round(number, places).expect("a finite number");
            assert_eq!(found.to_bits(), f64::to_bits(rounded), "{number} {places}");
        }
        assert_eq!(round(f64::NAN, 1), None);
    }

    #[test]
    fn a_json_number_keeps_its_scale_as_text() {
        for (number, text) in [
            ("-0", "0"),
            ("-12", "-12"),
            ("1.50", "1.50"),
            ("0.0", "0.0"),
            ("1e5", "1E+5"),
            ("-1.5e3", "-1.5E+3"),
            ("0.0000001", "1E-7"),
            ("12e-1", "1.2"),
            ("120e-1", "12.0"),
            ("1e0", "1"),
        ] {
            assert_eq!(number_text(number).as_deref(), Some(text));
        }
        assert_eq!(whole_part("18446744073709551617"), Some(1));
        assert_eq!(whole_part("-1.9e1"), Some(-19));
        assert_eq!(whole_part("1e400"), Some(0));
        assert!(fits_decimal("12.5", 4, 2) && !fits_decimal("12.505", 4, 2));
        assert!(!fits_decimal("123.5", 4, 2));
    }
}
