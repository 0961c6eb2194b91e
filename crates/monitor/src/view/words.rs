//! Numbers and times as text.

use std::time::Duration;

use pipeline::EventTime;
use report::printable;

/// A time as `13:39:27`.
pub(super) fn clock(time: EventTime) -> String {
    let text = time.to_string();
    text.get(11..19).unwrap_or(&text).to_owned()
}

/// How long ago, in the largest unit that fits.
pub(super) fn age(age: Duration) -> String {
    match age.as_secs() {
        0 => "now".to_owned(),
        seconds @ 1..60 => format!("{seconds} s ago"),
        seconds @ 60..3_600 => format!("{} min ago", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} d ago", seconds / 86_400),
    }
}

/// A number with four significant digits, without an exponent where it is neither tiny nor huge.
pub(super) fn significant(value: Option<f64>) -> String {
    let Some(value) = value.filter(|value| value.is_finite()) else {
        return "-".to_owned();
    };
    let size = value.abs();
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e6).contains(&size) {
        return format!("{value:.2e}");
    }
    let digits = (3 - size.log10().floor() as i32).clamp(0, 7);
    format!("{value:.*}", usize::try_from(digits).unwrap_or_default())
}

/// A value with its unit, on one line.
pub(super) fn with_unit(value: f64, unit: Option<&str>) -> String {
    let value = match value.abs() {
        size if size == 0.0 || (0.01..1e6).contains(&size) => format!("{value:.2}"),
        _ => significant(Some(value)),
    };
    match unit {
        Some(unit) => format!("{value}\u{a0}{}", printable(unit)),
        None => value,
    }
}

/// A whole number with a comma between thousands.
pub(super) fn count(number: u64) -> String {
    match number / 1_000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", count(thousands), number % 1_000),
    }
}

/// The name of a column, for more than one of its levels.
pub(super) fn plural(name: &str) -> String {
    if name.ends_with('s') {
        name.to_owned()
    } else {
        format!("{name}s")
    }
}

/// Keeps each percentage on one line.
pub(super) fn no_break(text: &str) -> String {
    text.replace(" %", "\u{a0}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_few_digits_and_thousands_separators() {
        let texts = [0.0, 4.510_491_2, -0.048_237, 123_456.7, 1.2e-7].map(Some);
        let texts = texts.map(significant);
        assert_eq!(texts, ["0", "4.510", "-0.04824", "123457", "1.20e-7"]);
        assert_eq!(significant(Some(f64::NAN)), "-");
        assert_eq!(
            [7, 1_234, 1_000_000].map(count),
            ["7", "1,234", "1,000,000"]
        );
    }

    #[test]
    fn ages_are_in_their_largest_unit() {
        let ages = [0, 59, 60, 7_199, 86_400].map(Duration::from_secs).map(age);
        assert_eq!(ages, ["now", "59 s ago", "1 min ago", "1 h ago", "1 d ago"]);
    }
}
