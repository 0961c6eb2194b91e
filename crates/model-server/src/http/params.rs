//! Optional parameters of a query string.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::problem::{ApiError, Kind};

/// The parameters that no handler has read yet.
pub(super) struct Params<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Params<'a> {
    /// Reads a query string. The value of a parameter without `=` is `true`.
    pub(super) fn parse(query: Option<&'a str>) -> Self {
        let pairs = query.unwrap_or_default().split('&');
        let read = |pair: &'a str| {
            let (name, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
            let value = if pair.contains('=') {
                value
            } else {
                Cow::Borrowed("true")
            };
            Some((name, value))
        };
        Self(pairs.filter_map(read).collect())
    }

    /// Takes a flag: `name=true`, `name=false`, or `name` for true. `name=` is an error, so that a script
    /// with an empty variable does not pin or force.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, ApiError> {
        self.take(name, "must be `true` or `false`", |value| {
            value.parse().ok()
        })
    }

    /// Takes a whole number.
    pub(super) fn number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, ApiError> {
        let reason = "is not a whole number in the allowed range";
        self.take(name, reason, |value| {
            value.parse().ok().filter(|number| range.contains(number))
        })
    }

    /// Takes `format=text` or `format=json`; true for text.
    pub(super) fn text(&mut self) -> Result<Option<bool>, ApiError> {
        self.take("format", "must be `text` or `json`", |value| match value {
            "text" => Some(true),
            "json" => Some(false),
            _ => None,
        })
    }

    /// Rejects the remaining parameters, so that a misspelt one is noticed.
    pub(super) fn end(self) -> Result<(), ApiError> {
        let Some((name, _)) = self.0.first() else {
            return Ok(());
        };
        let name: String = name.chars().take(40).collect();
        let detail = format!("the call has no parameter `{name}`; /__docs__/ lists its parameters");
        Err(ApiError::new(Kind::InvalidInput, detail))
    }

    fn take<T>(
        &mut self,
        field: &'static str,
        reason: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(index) = self.0.iter().position(|(name, _)| name == field) else {
            return Ok(None);
        };
        let (_, value) = self.0.swap_remove(index);
        if self.0.iter().any(|(name, _)| name == field) {
            return Err(ApiError::field(field, "is given more than once"));
        }
        let parsed = parse(&value).map(Some);
        parsed.ok_or_else(|| ApiError::field(field, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_without_a_value_is_true_and_an_empty_one_is_wrong() {
        let flag = |query| Params::parse(Some(query)).flag("pin");
        for (query, expected) in [
            ("pin", Some(true)),
            ("pin=true", Some(true)),
            ("pin=false", Some(false)),
            ("other", None),
        ] {
            assert_eq!(flag(query).ok(), Some(expected), "{query}");
        }
        for query in ["pin=", "pin=1", "pin&pin"] {
            assert!(flag(query).is_err(), "{query}");
        }
    }
}
