//! `--grid size=20s,60s`: a setting of a rule, and the values to try.

use std::str::FromStr;

use jiff::SignedDuration;

/// What a grid can vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    Size,
    Advance,
    Grace,
    Threshold,
    Count,
}

impl Setting {
    pub(super) const ALL: [(&'static str, Self); 5] = [
        ("size", Self::Size),
        ("advance", Self::Advance),
        ("grace", Self::Grace),
        ("threshold", Self::Threshold),
        ("count", Self::Count),
    ];
}

/// A value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Milliseconds.
    Time(i64),
    /// A number, as written.
    Number(String),
}

/// A setting with its values: `size=20s,60s`.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub(super) setting: Setting,
    pub(super) values: Vec<(String, Value)>,
}

/// Why a text is not an axis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; expected a setting with its values, such as size=20s,60s (settings: size, advance, grace, threshold, count)"
)]
pub struct AxisError(String);

impl FromStr for Axis {
    type Err = AxisError;

    fn from_str(text: &str) -> Result<Self, AxisError> {
        let (name, values) = text
            .split_once('=')
            .ok_or_else(|| AxisError(format!("`{text}` has no `=`")))?;
        let setting = Setting::ALL.iter().find(|(known, _)| *known == name);
        let (_, setting) =
            setting.ok_or_else(|| AxisError(format!("`{name}` is not a setting of a rule")))?;
        let value = |text: &str| {
            let text = text.trim();
            let value = value(*setting, text).map_err(|reason| {
                AxisError(format!("{name}: `{text}` is not a value: {reason}"))
            })?;
            Ok((text.to_owned(), value))
        };
        Ok(Self {
            setting: *setting,
            values: values.split(',').map(value).collect::<Result<_, _>>()?,
        })
    }
}

fn value(setting: Setting, text: &str) -> Result<Value, &'static str> {
    match setting {
        Setting::Size | Setting::Advance | Setting::Grace => {
            let time = text.parse::<SignedDuration>().ok();
            let millis = time.and_then(|time| i64::try_from(time.as_millis()).ok());
            let least = if setting == Setting::Grace { 0 } else { 1 };
            millis
                .filter(|millis| *millis >= least)
                .map(Value::Time)
                .ok_or("expected a time with its unit, such as 20s, 500ms or 1m30s")
        }
        Setting::Threshold => match text.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(Value::Number(text.to_owned())),
            _ => Err("expected a number that is not negative, such as 0.15"),
        },
        Setting::Count => match text.parse::<u32>() {
            Ok(_) => Ok(Value::Number(text.to_owned())),
            _ => Err("expected a whole number, such as 5"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_axis_says_what_to_write() {
        for (text, expected) in [
            ("size", "`size` has no `=`"),
            ("width=20s", "`width` is not a setting of a rule"),
            ("size=20", "size: `20` is not a value: expected a time"),
            ("size=0s", "`0s` is not a value"),
            ("advance=2s,", "advance: `` is not a value"),
            (
                "threshold=high",
                "threshold: `high` is not a value: expected a number",
            ),
            ("threshold=-1", "`-1` is not a value"),
            (
                "count=2.5",
                "count: `2.5` is not a value: expected a whole number",
            ),
        ] {
            let error = text.parse::<Axis>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(error.contains("such as size=20s,60s"), "{error}");
        }
    }
}
