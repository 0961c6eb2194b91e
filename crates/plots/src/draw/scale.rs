//! Scales from values to pixels, round ticks, and number formats.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    Linear,
    /// Keeps small values apart if the largest is far away.
    SquareRoot,
}

/// Maps values to pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) spread: Spread,
    pub(crate) domain: (f64, f64),
    pub(crate) range: (f64, f64),
}

impl Scale {
    pub(crate) fn linear(domain: (f64, f64), range: (f64, f64)) -> Self {
        Self {
            spread: Spread::Linear,
            domain,
            range,
        }
    }

    /// The pixel of a value, clamped to the range.
    pub(crate) fn at(self, value: f64) -> f64 {
        let (low, high) = self.domain;
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        let share = match self.spread {
            Spread::Linear => share,
            Spread::SquareRoot => share.sqrt(),
        };
        self.range.0 + share * (self.range.1 - self.range.0)
    }
}

/// The smallest of 1, 2, 5, 10, 20, … (of any power of ten) that is not below `least`.
pub(crate) fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(f64::MIN_POSITIVE).log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|digit| digit * power);
    // The tolerance absorbs the rounding of the logarithm.
    steps
        .into_iter()
        .find(|step| *step >= least * 0.9999)
        .unwrap_or(power * 10.0)
}

/// Round values (1, 2, 5, 10, …) from `high` down to `low`, over twenty powers of ten at most.
pub(crate) fn round_values(low: f64, high: f64) -> Vec<f64> {
    let mut power = 10_f64.powf(high.max(f64::MIN_POSITIVE).log10().floor());
    let mut values = Vec::new();
    for _ in 0..20 {
        for digit in [5.0, 2.0, 1.0] {
            let value = digit * power;
            if value <= high * 1.0001 {
                values.push(value);
            }
            if value <= low {
                return values;
            }
        }
        power /= 10.0;
    }
    values
}

/// Multiples of a round step from `low` to `high`, at most about `most` of them.
pub(crate) fn ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let step = round_step((high - low) / most.max(1) as f64);
    let slack = step * 1e-9;
    let first = ((low - slack) / step).ceil();
    (0..=most + 1)
        .map(|n| (first + n as f64) * step)
        .take_while(|tick| *tick <= high + slack)
        .collect()
}

/// A share as `15 %`, `2.5 %` or `1e9 %`, without trailing zeros.
pub(crate) fn percent(share: f64, decimals: usize) -> String {
    let percent = share * 100.0;
    if percent >= 1e6 {
        return format!("{percent:.1e} %");
    }
    format!("{} %", plain(percent, decimals))
}

/// A number with at most `decimals` decimals, without trailing zeros.
pub(crate) fn plain(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// `1 row` or `10,000 rows`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", whole(count), if count == 1 { one } else { many })
}

/// A whole number with a comma between thousands.
pub(crate) fn whole(number: u64) -> String {
    match number / 1_000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", whole(thousands), number % 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_values() {
        let marks: Vec<f64> = (1..=9).map(|n| f64::from(n) * 20.0).collect();
        assert_eq!(ticks(0.5, 180.5, 10), marks);
        let shares = [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0];
        assert_eq!(ticks(0.0, 1.0, 5), shares);
        assert_eq!(ticks(3.1, 4.9, 4), [3.5, 4.0, 4.5]);
    }

    #[test]
    fn a_step_is_the_next_round_number() {
        assert_eq!([20.0, 0.21, 51.0].map(round_step), [20.0, 0.5, 100.0]);
    }

    #[test]
    fn counts_have_commas_between_thousands() {
        let texts = [1, 2, 999, 10_000, 1_002_003].map(|count| counted(count, "row", "rows"));
        let expected = [
            "1 row",
            "2 rows",
            "999 rows",
            "10,000 rows",
            "1,002,003 rows",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn a_square_root_scale_keeps_small_values_apart() {
        let scale = Scale {
            spread: Spread::SquareRoot,
            ..Scale::linear((0.0, 100.0), (0.0, 100.0))
        };
        assert_eq!(
            [1.0, 25.0, 200.0].map(|value| scale.at(value)),
            [10.0, 50.0, 100.0]
        );
    }
}
