//! Reads the model's inputs from a query string.

use std::borrow::Cow;

use model_store::features::Features;

use super::inputs::{Field, Given, Inputs};
use super::problem::FieldError;

/// Reads `length=86.37&height=18.74&…`, in any order; ignores other parameters.
///
/// # Errors
/// Every field that is missing, given twice, empty, too long, not a number, not finite or outside its limits.
pub fn parse<'a>(inputs: &Inputs, query: &'a str) -> Result<Features<'a>, Vec<FieldError>> {
    let mut values: Vec<Option<Cow<'a, str>>> = vec![None; inputs.len()];
    let mut errors = Vec::new();
    let mut likely = 0;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let Some(input) = inputs.find(&name, likely) else {
            continue;
        };
        likely = input + 1;
        if values[input].replace(value).is_some() {
            errors.push(FieldError {
                field: inputs.name(input),
                reason: "is given more than once",
            });
        }
    }
    let mut features = Features::default();
    inputs.fill(values, errors, &mut features)?;
    Ok(features)
}

impl<'a> Given<'a> for Option<Cow<'a, str>> {
    fn number(self) -> Field<f64> {
        let text = self.ok_or("is missing")?;
        if text.is_empty() {
            return Err("is empty");
        }
        text.parse().map_err(|_| "is not a number")
    }

    fn text(self) -> Field<Cow<'a, str>> {
        let text = self.ok_or("is missing")?;
        // Decoding replaces invalid UTF-8 with this character.
        if text.contains(char::REPLACEMENT_CHARACTER) {
            return Err("is not UTF-8 text");
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use pipeline::Definition;
    use proptest::prelude::*;

    use super::*;

    fn parse(query: &str) -> Result<Features<'_>, Vec<FieldError>> {
        super::parse(&Inputs::of(Definition::shipped()), query)
    }

    fn reason(query: &str, field: &str) -> &'static str {
        let errors = parse(query).unwrap_err();
        errors
            .iter()
            .find(|error| error.field == field)
            .unwrap()
            .reason
    }

    #[test]
    fn all_wrong_fields_are_reported() {
        let fields: Vec<_> = parse("")
            .unwrap_err()
            .iter()
            .map(|error| error.field)
            .collect();
        assert_eq!(fields, ["length", "height", "species"]);
    }

    #[test]
    fn each_kind_of_bad_number_has_its_own_reason() {
        let rest = "&height=18&species=salmon";
        for (length, expected) in [
            ("length=", "is empty"),
            ("length", "is empty"),
            ("length=long", "is not a number"),
            ("length=8,5", "is not a number"),
            ("length=NaN", "is not a finite number"),
            ("length=-inf", "is not a finite number"),
            ("length=1e999", "is not a finite number"),
            ("length=0", "must be greater than 0"),
            ("length=-0", "must be greater than 0"),
            ("length=-3", "must be greater than 0"),
            ("length=1e7", "must be at most 1000000"),
            ("length=1&length=2", "is given more than once"),
        ] {
            assert_eq!(
                reason(&format!("{length}{rest}"), "length"),
                expected,
                "{length}"
            );
        }
    }

    #[test]
    fn an_empty_too_long_or_non_utf8_species_is_rejected() {
        let rest = "length=1&height=1&species=";
        assert_eq!(reason(rest, "species"), "is empty");
        assert_eq!(
            reason(&format!("{rest}{}", "x".repeat(65)), "species"),
            "is longer than 64 characters"
        );
        assert_eq!(
            reason(&format!("{rest}%ff"), "species"),
            "is not UTF-8 text"
        );
    }

    fn encode(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    proptest! {
        #[test]
        fn an_encoded_query_parses_to_the_same_values(
            length in 1e-300..1e6f64,
            height in 1e-3..1e3f64,
            species in "[\\PC--\u{fffd}]{1,64}",
            other in "[a-z]{0,5}",
        ) {
            let query = format!("x{other}=1&species={}&height={height}&length={length:e}", encode(&species));
            let fish = parse(&query).unwrap();
            prop_assert_eq!(fish.numbers, [length, height]);
            prop_assert_eq!(&*fish.categories[0], species.as_str());
        }

        #[test]
        fn no_query_yields_an_invalid_fish(query in "(\\PC|[&=+%]|length|height|species|[0-9.e-]){0,60}") {
            match parse(&query) {
                Ok(fish) => {
                    prop_assert!(fish.numbers.iter().all(|value| value.is_finite() && *value > 0.0));
                    prop_assert!((1..=64).contains(&fish.categories[0].chars().count()));
                }
                Err(errors) => prop_assert!(!errors.is_empty()),
            }
        }
    }
}
