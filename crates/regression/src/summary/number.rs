//! Numbers formatted as R's functions: `format`, `formatC`, `signif`, `round`, `zapsmall`, `format.pval`.

/// R's `format(values, digits)`: the fewest decimals that show `digits` significant digits of every
/// value, or exponents if that is shorter, all padded to the same width. Zero has no sign.
pub(super) fn format_common(values: &[f64], digits: usize) -> Vec<String> {
    let finite: Vec<Decimal> = values
        .iter()
        .filter(|v| v.is_finite())
        .map(|v| Decimal::of(*v, digits))
        .collect();
    let decimals = finite
        .iter()
        .map(|d| d.significant - 1 - d.exponent)
        .max()
        .unwrap_or(0)
        .max(0) as usize;
    let whole = finite.iter().map(Decimal::whole_width).max().unwrap_or(1);
    let fixed_width = whole + if decimals > 0 { decimals + 1 } else { 0 };

    let mantissa = finite.iter().map(|d| d.significant - 1).max().unwrap_or(0) as usize;
    let exponent_width = if finite
        .iter()
        .any(|d| d.exponent >= 100 || d.exponent <= -99)
    {
        3
    } else {
        2
    };
    let sign = usize::from(finite.iter().any(|d| d.negative));
    let exponent_form_width =
        sign + 1 + if mantissa > 0 { mantissa + 1 } else { 0 } + 2 + exponent_width;

    let written: Vec<String> = values
        .iter()
        .map(|&value| {
            if !value.is_finite() {
                not_finite(value).to_owned()
            } else if fixed_width <= exponent_form_width {
                format!("{:.decimals$}", value + 0.0)
            } else {
                exponent_form(value + 0.0, mantissa)
            }
        })
        .collect();
    let width = written.iter().map(String::len).max().unwrap_or(0);
    written
        .into_iter()
        .map(|text| format!("{text:>width$}"))
        .collect()
}

/// R's `formatC(value, digits)`: C's `%{digits + 1}.{digits}g`.
pub(super) fn format_general(value: f64, digits: usize) -> String {
    format!("{:>1$}", general(value, digits), digits + 1)
}

fn general(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return not_finite(value).to_owned();
    }
    let exponent = Decimal::of(value, digits).exponent;
    let text = if exponent < -4 || exponent >= digits as i32 {
        exponent_form(value, digits - 1)
    } else {
        format!("{value:.*}", (digits as i32 - 1 - exponent).max(0) as usize)
    };
    let (number, exponent) = text.split_at(text.find('e').unwrap_or(text.len()));
    if number.contains('.') {
        format!(
            "{}{exponent}",
            number.trim_end_matches('0').trim_end_matches('.')
        )
    } else {
        text
    }
}

/// R's `format.pval(values, digits)`: values below the precision of doubles become `<2e-16`.
pub(super) fn format_p_values(values: &[f64], digits: usize) -> Vec<String> {
    let tiny = |p: f64| p < f64::EPSILON;
    let fixed = |p: f64| p.log10().floor() >= if digits > 1 { -4.0 } else { -3.0 };
    let mut written = vec![String::new(); values.len()];
    for fixed_part in [true, false] {
        let part = |p: f64| !p.is_nan() && !tiny(p) && fixed(p) == fixed_part;
        let texts = format_common(
            &values
                .iter()
                .copied()
                .filter(|p| part(*p))
                .collect::<Vec<_>>(),
            digits,
        );
        for ((target, _), text) in written
            .iter_mut()
            .zip(values)
            .filter(|(_, p)| part(**p))
            .zip(texts)
        {
            *target = text;
        }
    }
    let widest = written.iter().map(String::len).max().unwrap_or(0);
    let mut digits = digits.saturating_sub(2).max(1);
    if widest > 0 && digits > 1 && digits + 6 > widest {
        digits = widest.saturating_sub(7).max(1);
    }
    let space = if digits == 1 && widest <= 6 { "" } else { " " };
    for (target, p) in written.iter_mut().zip(values) {
        if p.is_nan() {
            *target = not_finite(*p).to_owned();
        } else if tiny(*p) {
            *target = format!(
                "<{space}{}",
                format_common(&[f64::EPSILON], digits).concat()
            );
        }
    }
    written
}

/// R's `signif(value, digits)`.
pub(super) fn round_significant(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits - 1).parse().unwrap_or(value)
}

/// R's `round(value, decimals)`.
pub(super) fn round(value: f64, decimals: usize) -> f64 {
    // Adding zero makes a negative zero positive.
    format!("{value:.decimals$}").parse().unwrap_or(value) + 0.0
}

/// R's `zapsmall(values, digits)`: values that are small relative to the largest become zero.
pub(super) fn zap_small(values: &[f64], digits: usize) -> Vec<f64> {
    let largest = values
        .iter()
        .fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let magnitude = if largest > 0.0 { largest.log10() } else { 0.0 };
    let decimals = (digits as f64 - magnitude).max(0.0).round() as usize;
    values.iter().map(|value| round(*value, decimals)).collect()
}

/// Properties of a finite value after rounding to some number of significant digits.
struct Decimal {
    negative: bool,
    exponent: i32,
    /// Significant digits without trailing zeros.
    significant: i32,
    /// Whether rounding added a digit before the point (99.96 to 100.0). The fixed form does not
    /// count it.
    widened: bool,
}

impl Decimal {
    fn of(value: f64, digits: usize) -> Self {
        let text = format!("{:.*e}", digits - 1, value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let significant = mantissa
            .trim_end_matches('0')
            .chars()
            .filter(char::is_ascii_digit)
            .count()
            .max(1) as i32;
        let widened = exponent > 0 && value.abs() < 10f64.powi(exponent);
        Self {
            negative: value < 0.0,
            exponent,
            significant,
            widened,
        }
    }

    /// The number of characters before the point, including the sign.
    fn whole_width(&self) -> usize {
        usize::from(self.negative) + (self.exponent + 1 - i32::from(self.widened)).max(1) as usize
    }
}

/// C's `%e`: at least two digits in the exponent.
fn exponent_form(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Inf"
    } else {
        "-Inf"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The expected strings are the output of R 4.2.

    #[test]
    fn all_values_of_a_column_have_the_same_decimals() {
        assert_eq!(
            format_common(&[1.5, 22.123456, -0.3], 4),
            [" 1.50", "22.12", "-0.30"]
        );
        assert_eq!(format_common(&[99.996, 3.0], 4), ["100", "  3"]);
    }

    #[test]
    fn exponents_are_used_if_they_are_shorter() {
        assert_eq!(format_common(&[1e5], 7), ["1e+05"]);
        assert_eq!(format_common(&[123_456.0], 7), ["123456"]);
        assert_eq!(format_common(&[1.5e-10, 2.0], 4), ["1.5e-10", "2.0e+00"]);
        assert_eq!(format_common(&[1e-120], 4), ["1e-120"]);
        assert_eq!(
            format_common(&[99.996, f64::INFINITY, f64::NAN], 4),
            ["100", "Inf", "NaN"]
        );
    }

    #[test]
    fn general_form_drops_trailing_zeros() {
        assert_eq!(format_general(0.988, 4), "0.988");
        assert_eq!(format_general(926.3757, 4), "926.4");
        assert_eq!(format_general(123_456.0, 4), "1.235e+05");
        assert_eq!(format_general(1.0, 4), "    1");
    }

    #[test]
    fn p_values_below_double_precision_become_an_upper_bound() {
        assert_eq!(format_p_values(&[1e-20], 4), ["< 2.2e-16"]);
        assert_eq!(format_p_values(&[1e-20, 1e-30], 3), ["<2e-16", "<2e-16"]);
        assert_eq!(
            format_p_values(&[0.5007, 1e-20, 0.0987], 3),
            ["0.5007", "<2e-16", "0.0987"]
        );
        assert_eq!(
            format_p_values(&[0.761_820, 7.858e-13], 3),
            ["0.762", "7.86e-13"]
        );
        assert_eq!(
            format_p_values(&[7.858e-13, 1e-20], 3),
            ["7.86e-13", "< 2e-16"]
        );
    }
}
