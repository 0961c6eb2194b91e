//! Exact decimal numbers: what a literal such as `0.15` is.

use std::cmp::Ordering;
use std::fmt;

use crate::numbers::Digits;

/// `unscaled · 10^-scale`, with at most 38 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    unscaled: i128,
    scale: u32,
}

/// The most digits of a DECIMAL.
pub(crate) const MAX_PRECISION: u32 = 38;

impl Decimal {
    /// From its parts.
    pub(crate) fn new(unscaled: i128, scale: u32) -> Self {
        Self { unscaled, scale }
    }

    /// Reads `12.50`: the scale is the number of fractional digits written.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let scale = u32::try_from(fraction.len()).ok()?;
        let joined = format!("{whole}{fraction}");
        let significant = joined.trim_start_matches('0');
        if significant.len() > MAX_PRECISION as usize || scale > MAX_PRECISION {
            return None;
        }
        let unscaled: i128 = if significant.is_empty() {
            0
        } else {
            significant.parse().ok()?
        };
        Some(Self::new(
            if negative { -unscaled } else { unscaled },
            scale,
        ))
    }

    /// Number of digits, at least as many as are fractional.
    pub(crate) fn precision(&self) -> u32 {
        let digits =
            u32::try_from(self.unscaled.unsigned_abs().to_string().len()).unwrap_or(u32::MAX);
        digits.max(self.scale).max(1)
    }

    /// Number of fractional digits.
    pub(crate) fn scale(&self) -> u32 {
        self.scale
    }

    /// The digits without the point.
    pub(crate) fn unscaled(&self) -> i128 {
        self.unscaled
    }

    /// The nearest DOUBLE.
    pub(crate) fn to_f64(self) -> f64 {
        format!("{}e-{}", self.unscaled, self.scale)
            .parse()
            .unwrap_or(f64::NAN)
    }

    /// Digits and exponent.
    pub(crate) fn digits(&self) -> Digits {
        Digits::new(
            self.unscaled < 0,
            self.unscaled.unsigned_abs().to_string().into_bytes(),
            -i64::from(self.scale),
        )
    }

    /// By value, whatever the scales.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        self.digits().compare(&other.digits())
    }
}

/// As Java's `BigDecimal.toString`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::numbers::big_decimal_text(
            self.unscaled < 0,
            &self.unscaled.unsigned_abs().to_string(),
            i64::from(self.scale),
        ))
    }
}
