//! Optional parameters of a query string.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::problem::{ApiError, FieldError};
use super::query::decode_utf8;

/// What a parameter without `=` is.
const ALONE: &str = "true";

/// The parameters that have not been taken yet.
pub(super) struct Params<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Params<'a> {
    /// Reads a query string.
    pub(super) fn parse(query: Option<&'a str>) -> Self {
        let pairs = query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty());
        let decode = |text| decode_utf8(text).unwrap_or(Cow::Borrowed("\u{fffd}"));
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, ALONE)))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    /// Takes a flag: `name=true`, `name=false`, or `name` alone for true. `name=` is wrong: a script whose
    /// variable is empty must not pin or force.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, ApiError> {
        self.take(name, "must be `true` or `false`", |value| match value {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    /// Takes a whole number.
    pub(super) fn number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, ApiError> {
        self.take(
            name,
            "is not a whole number in the allowed range",
            |value| value.parse().ok().filter(|number| range.contains(number)),
        )
    }

    /// Refuses what is left, so that a misspelt parameter is not silently without effect.
    pub(super) fn end(self) -> Result<(), ApiError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(ApiError::new(
                super::problem::Kind::InvalidInput,
                format!(
                    "the call has no parameter `{}`",
                    name.chars().take(40).collect::<String>()
                ),
            )),
        }
    }

    fn take<T>(
        &mut self,
        field: &'static str,
        wrong: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(index) = self.0.iter().position(|(name, _)| name == field) else {
            return Ok(None);
        };
        let (_, value) = self.0.swap_remove(index);
        let fault = |reason| ApiError::fields(vec![FieldError { field, reason }]);
        if self.0.iter().any(|(name, _)| name == field) {
            return Err(fault("is given more than once"));
        }
        read(&value).map(Some).ok_or_else(|| fault(wrong))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_without_a_value_is_true_and_an_empty_one_is_wrong() {
        let flag = |query| Params::parse(Some(query)).flag("pin");
        for (query, asked) in [
            ("pin", Some(true)),
            ("pin=true", Some(true)),
            ("pin=false", Some(false)),
            ("other", None),
        ] {
            assert_eq!(flag(query).ok(), Some(asked), "{query}");
        }
        for query in ["pin=", "pin=1", "pin&pin"] {
            assert!(flag(query).is_err(), "{query}");
        }
    }
}
