//! From values to pixels, ticks at round values, and how numbers are written.

/// How values are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    Linear,
    /// By the square root: small values stay apart where the largest is far away.
    SquareRoot,
}

/// From values to pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    spread: Spread,
    domain: (f64, f64),
    range: (f64, f64),
}

impl Scale {
    pub(crate) fn new(spread: Spread, domain: (f64, f64), range: (f64, f64)) -> Self {
        Self {
            spread,
            domain,
            range,
        }
    }

    /// The pixel of a value; values outside of the domain stay at its ends.
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
    let step = [1.0, 2.0, 5.0].into_iter().map(|digit| digit * power);
    // A hundredth of a percent forgives what the logarithm rounds.
    step.into_iter()
        .find(|step| *step >= least * 0.9999)
        .unwrap_or(power * 10.0)
}

/// Round values (1, 2, 5, 10, …) from `high` down to `low`.
pub(crate) fn round_values(low: f64, high: f64) -> Vec<f64> {
    let mut power = 10_f64.powf(high.max(f64::MIN_POSITIVE).log10().floor());
    let mut values = Vec::new();
    // Twenty powers of ten are more than any axis shows.
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

/// `15 %`, `2.5 %` or `1e9 %`: a share in percent with `decimals`, trailing zeros dropped.
pub(crate) fn percent(share: f64, decimals: usize) -> String {
    let percent = share * 100.0;
    if percent >= 1e6 {
        return format!("{percent:.1e} %");
    }
    format!("{} %", plain(percent, decimals))
}

/// A number with at most so many decimals, trailing zeros dropped.
pub(crate) fn plain(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// `1 fish`, `1 row`, `10,000 rows`.
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
    fn ticks_are_round_and_stay_within_the_values() {
        assert_eq!(
            ticks(0.5, 180.5, 10),
            [20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0]
        );
        assert_eq!(
            ticks(0.0, 1.0, 5),
            [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]
        );
        assert_eq!(ticks(3.1, 4.9, 4), [3.5, 4.0, 4.5]);
    }

    #[test]
    fn a_step_that_is_round_already_is_kept() {
        assert_eq!(round_step(20.0), 20.0);
        assert_eq!(round_step(0.21), 0.5);
        assert_eq!(round_step(51.0), 100.0);
    }

    #[test]
    fn counts_have_commas_between_thousands() {
        let texts = [1, 2, 999, 10_000, 1_002_003].map(|count| counted(count, "fish", "fish"));
        let expected = [
            "1 fish",
            "2 fish",
            "999 fish",
            "10,000 fish",
            "1,002,003 fish",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn small_values_stay_apart_on_a_square_root_scale() {
        let scale = Scale::new(Spread::SquareRoot, (0.0, 100.0), (0.0, 100.0));
        assert_eq!(
            (scale.at(1.0), scale.at(25.0), scale.at(200.0)),
            (10.0, 50.0, 100.0)
        );
    }
}
