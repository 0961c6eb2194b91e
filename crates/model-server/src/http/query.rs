//! Reads a fish from a query string, usually without allocating.

use std::borrow::Cow;

use model_store::features::{FACTOR, Features, NUMERIC, number_fault, species_fault};

use super::problem::FieldError;

/// A field's value, or what is wrong with it.
pub(super) type Field<T> = Result<T, &'static str>;

/// Reads `length=86.37&height=18.74&species=salmon`, in any order; ignores other parameters.
///
/// # Errors
/// Every field that is missing, given twice, empty, too long, not a number, not finite or not positive.
pub fn parse(query: &str) -> Result<Features<'_>, Vec<FieldError>> {
    let mut numeric = [const { None::<Cow<'_, str>> }; NUMERIC.len()];
    let mut species = None;
    let mut errors = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let (field, slot) = if name == FACTOR {
            (FACTOR, &mut species)
        } else if let Some(index) = NUMERIC.iter().position(|known| *known == name) {
            (NUMERIC[index], &mut numeric[index])
        } else {
            continue;
        };
        if slot.replace(value).is_some() {
            let reason = "is given more than once";
            errors.push(FieldError { field, reason });
        }
    }
    features(numeric.map(number), text(species), errors)
}

/// A fish with these values, if `errors` is empty and every field has a value.
///
/// # Errors
/// `errors` and those of the fields.
pub(super) fn features<'a>(
    numeric: [Field<f64>; NUMERIC.len()],
    species: Field<Cow<'a, str>>,
    mut errors: Vec<FieldError>,
) -> Result<Features<'a>, Vec<FieldError>> {
    let mut values = [0.0; NUMERIC.len()];
    for ((field, given), value) in NUMERIC.into_iter().zip(numeric).zip(&mut values) {
        match given {
            Ok(number) => *value = number,
            Err(reason) => errors.push(FieldError { field, reason }),
        }
    }
    match species {
        Ok(species) if errors.is_empty() => Ok(Features {
            numeric: values,
            species,
        }),
        Ok(_) => Err(errors),
        Err(reason) => {
            let field = FACTOR;
            errors.push(FieldError { field, reason });
            Err(errors)
        }
    }
}

fn number(given: Option<Cow<'_, str>>) -> Field<f64> {
    let text = given.ok_or("is missing")?;
    if text.is_empty() {
        return Err("is empty");
    }
    let value: f64 = text.parse().map_err(|_| "is not a number")?;
    number_fault(value).map_or(Ok(value), Err)
}

fn text(given: Option<Cow<'_, str>>) -> Field<Cow<'_, str>> {
    let text = given.ok_or("is missing")?;
    // Decoding replaces invalid UTF-8 with this character.
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err("is not UTF-8 text");
    }
    species_fault(&text).map_or(Ok(text), Err)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            prop_assert_eq!(fish.numeric, [length, height]);
            prop_assert_eq!(&*fish.species, species.as_str());
        }

        #[test]
        fn no_query_yields_an_invalid_fish(query in "(\\PC|[&=+%]|length|height|species|[0-9.e-]){0,60}") {
            match parse(&query) {
                Ok(fish) => {
                    prop_assert!(fish.numeric.iter().all(|value| value.is_finite() && *value > 0.0));
                    prop_assert!((1..=64).contains(&fish.species.chars().count()));
                }
                Err(errors) => prop_assert!(!errors.is_empty()),
            }
        }
    }
}
