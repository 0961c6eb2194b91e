//! A DOUBLE as the decimal number that its text shows.

use crate::numbers::{Digits, small_decimal};

/// `digits · 10^exponent` with the fewest digits that read back as the number; no trailing zeros, at
/// most 17 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DecimalDouble {
    negative: bool,
    digits: u64,
    exponent: i64,
}

impl DecimalDouble {
    /// None if the number is not finite.
    pub(crate) fn of(number: f64) -> Option<Self> {
        if !number.is_finite() {
            return None;
        }
        let magnitude = number.abs();
        // Java prints at least two digits, and of all two-digit texts that read back it takes the
        // closest one. That differs from the shortest text only where a DOUBLE has one digit left.
        let two_digits = (magnitude != 0.0 && magnitude < 1e-300)
            .then(|| format!("{magnitude:.1e}"))
            .filter(|text| text.parse() == Ok(magnitude));
        let mut buffer = zmij::Buffer::new();
        let text = two_digits.as_deref();
        let text = text.unwrap_or_else(|| buffer.format_finite(magnitude));

        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let fraction = mantissa
            .split_once('.')
            .map_or(0, |(_, places)| places.len());
        let mut exponent = exponent.parse::<i64>().unwrap_or(0) - fraction as i64;
        let mut digits = mantissa
            .bytes()
            .filter(u8::is_ascii_digit)
            .fold(0, |digits, digit| digits * 10 + u64::from(digit - b'0'));
        while digits != 0 && digits.is_multiple_of(10) {
            digits /= 10;
            exponent += 1;
        }
        Some(Self {
            negative: number < 0.0,
            digits,
            exponent,
        })
    }

    /// The digits as text, and where the point is, counted from before the first digit.
    pub(crate) fn digits_and_point(&self) -> (String, i64) {
        let digits = self.digits.to_string();
        let point = self.exponent + digits.len() as i64;
        (digits, point)
    }

    /// The same as digits of any number.
    pub(crate) fn digits(&self) -> Digits {
        Digits::new(
            self.negative,
            self.digits.to_string().into_bytes(),
            self.exponent,
        )
    }

    /// Rounded to `places` fractional digits, ties towards positive infinity, as a DOUBLE. A zero
    /// has no sign.
    pub(crate) fn round(&self, places: i64) -> f64 {
        let dropped = -(self.exponent.saturating_add(places));
        if dropped <= 0 {
            return self.double(self.digits, self.exponent);
        }
        // A DOUBLE has at most 18 digits.
        let unit = u32::try_from(dropped)
            .ok()
            .filter(|dropped| *dropped <= 18)
            .and_then(|dropped| 10_u64.checked_pow(dropped));
        let Some(unit) = unit else { return 0.0 };
        let (kept, rest) = (self.digits / unit, self.digits % unit);
        let up = rest > unit / 2 || (rest == unit / 2 && !self.negative);
        self.double(kept + u64::from(up), -places)
    }

    fn double(&self, digits: u64, exponent: i64) -> f64 {
        let magnitude = match digits {
            0 => return 0.0,
            digits => small_decimal(digits, exponent)
                .or_else(|| format!("{digits}e{exponent}").parse().ok())
                .unwrap_or(f64::NAN),
        };
        if self.negative { -magnitude } else { magnitude }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_goes_by_the_decimal_text_with_ties_up() {
        let round = |number: f64, places| DecimalDouble::of(number).expect("finite").round(places);
        assert_eq!(round(1.005, 2), 1.01);
        assert_eq!(round(2.675, 2), 2.68);
        assert_eq!(round(-2.675, 2), -2.67);
        assert_eq!(round(0.9996, 3), 1.0);
        assert_eq!(round(0.6, 0), 1.0);
        assert_eq!(round(0.06, 0), 0.0);
        assert_eq!(round(-0.5, 0).to_bits(), 0.0_f64.to_bits());
        assert_eq!(round(-0.0, 3).to_bits(), 0.0_f64.to_bits());
        assert_eq!(round(149.99, -2), 100.0);
        assert_eq!(round(150.0, -2), 200.0);
        assert_eq!(round(5.0, -1), 10.0);
        assert_eq!(round(5e-324, 400), 5e-324);
        assert_eq!(round(5e-324, 3), 0.0);
        assert_eq!(round(f64::MAX, 3), f64::MAX);
        assert_eq!(round(f64::MAX, -308), f64::INFINITY);
    }
}
