//! A DOUBLE as the decimal number that Java's `BigDecimal.valueOf` makes of it: by its text.

use crate::double_digits::DoubleDigits;
use crate::numbers::{Digits, small_decimal};

/// `digits · 10^exponent`, without trailing zeros; at most 18 digits.
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
        let written = DoubleDigits::of(number.abs());
        let ascii = written.digits();
        let mut digits = ascii
            .iter()
            .fold(0, |digits, digit| digits * 10 + u64::from(digit - b'0'));
        let mut exponent = i64::from(written.exponent()) - ascii.len() as i64;
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
