//! Reading a fish from a query string, without allocating in the common case.

use std::borrow::Cow;

use super::problem::FieldError;
use crate::features::{FACTOR, Features, NUMERIC, number_fault, species_fault};

/// Reads `length=86.37&height=18.74&species=salmon`, in any order; other parameters are ignored.
///
/// # Errors
/// Every parameter that is missing, given twice, empty, too long, not a number, not finite or not
/// positive.
pub fn parse(query: &str) -> Result<Features<'_>, Vec<FieldError>> {
    let mut numeric: [Option<&str>; NUMERIC.len()] = [None; NUMERIC.len()];
    let mut species = None;
    let mut errors = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some((field, slot)) = slot(&decode(name), &mut numeric, &mut species) else {
            continue;
        };
        if slot.replace(value).is_some() {
            errors.push(FieldError {
                field,
                reason: "is given more than once",
            });
        }
    }
    let mut values = [0.0; NUMERIC.len()];
    for ((field, given), value) in NUMERIC.into_iter().zip(numeric).zip(&mut values) {
        match number(given) {
            Ok(number) => *value = number,
            Err(reason) => errors.push(FieldError { field, reason }),
        }
    }
    match text(species) {
        Ok(species) if errors.is_empty() => Ok(Features {
            numeric: values,
            species,
        }),
        Ok(_) => Err(errors),
        Err(reason) => {
            errors.push(FieldError {
                field: FACTOR,
                reason,
            });
            Err(errors)
        }
    }
}

/// Where the value of a parameter goes.
fn slot<'s, 'a>(
    name: &str,
    numeric: &'s mut [Option<&'a str>; NUMERIC.len()],
    species: &'s mut Option<&'a str>,
) -> Option<(&'static str, &'s mut Option<&'a str>)> {
    if name == FACTOR {
        return Some((FACTOR, species));
    }
    let index = NUMERIC.iter().position(|known| *known == name)?;
    Some((NUMERIC[index], &mut numeric[index]))
}

fn number(given: Option<&str>) -> Result<f64, &'static str> {
    let text = decode(given.ok_or("is missing")?);
    if text.is_empty() {
        return Err("is empty");
    }
    let value: f64 = text.parse().map_err(|_| "is not a number")?;
    number_fault(value).map_or(Ok(value), Err)
}

fn text(given: Option<&str>) -> Result<Cow<'_, str>, &'static str> {
    let text = decode_utf8(given.ok_or("is missing")?).ok_or("is not UTF-8 text")?;
    species_fault(&text).map_or(Ok(text), Err)
}

/// Percent-decoded, `+` as a space; bytes that are no UTF-8 replaced.
fn decode(text: &str) -> Cow<'_, str> {
    decode_utf8(text).unwrap_or(Cow::Borrowed("\u{fffd}"))
}

/// Percent-decoded, `+` as a space; none where the bytes are no UTF-8.
pub(super) fn decode_utf8(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                // As browsers do, a percent sign that starts no escape stands for itself.
                _ => bytes.push(b'%'),
            },
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
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
    fn every_wrong_field_is_named_at_once() {
        let fields: Vec<_> = parse("")
            .unwrap_err()
            .iter()
            .map(|error| error.field)
            .collect();
        assert_eq!(fields, ["length", "height", "species"]);
    }

    #[test]
    fn each_kind_of_bad_number_has_its_reason() {
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
    fn a_species_that_is_empty_too_long_or_no_text_is_refused() {
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

    /// As a browser's form would encode it.
    fn encode(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    proptest! {
        #[test]
        fn what_a_client_encodes_is_what_the_model_gets(
            length in 1e-300..1e6f64,
            height in 1e-3..1e3f64,
            species in "\\PC{1,64}",
            other in "[a-z]{0,5}",
        ) {
            let query = format!("x{other}=1&species={}&height={height}&length={length:e}", encode(&species));
            let fish = parse(&query).unwrap();
            prop_assert_eq!(fish.numeric, [length, height]);
            prop_assert_eq!(&*fish.species, species.as_str());
        }

        #[test]
        fn any_query_is_answered_and_nothing_invalid_passes(query in "(\\PC|[&=+%]|length|height|species|[0-9.e-]){0,60}") {
            match parse(&query) {
                Ok(fish) => {
                    prop_assert!(fish.numeric.iter().all(|value| value.is_finite() && *value > 0.0));
                    prop_assert!((1..=64).contains(&fish.species.chars().count()));
                }
                Err(errors) => prop_assert!(!errors.is_empty()),
            }
        }

        #[test]
        fn decoding_agrees_with_a_well_known_parser(query in "((length|height|species|%6Cength)=([a-z0-9+.]|%[0-9a-fA-F]{2}|%){0,6}&?){0,4}") {
            let reference: Vec<(String, String)> =
                reqwest::Url::parse(&format!("http://x/?{query}")).unwrap().query_pairs().into_owned().collect();
            if let Ok(fish) = parse(&query) {
                let find = |name: &str| reference.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
                prop_assert_eq!(find("species"), Some(&*fish.species));
                prop_assert_eq!(find("length").and_then(|text| text.parse().ok()), Some(fish.numeric[0]));
                prop_assert_eq!(find("height").and_then(|text| text.parse().ok()), Some(fish.numeric[1]));
            }
        }
    }
}
