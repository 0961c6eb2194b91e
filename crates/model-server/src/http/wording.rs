//! English for names that a pipeline chooses.

/// `a parcel`, `an order`.
pub(super) fn a(noun: &str) -> String {
    let article = match noun.chars().next() {
        Some('a' | 'e' | 'i' | 'o' | 'u' | 'A' | 'E' | 'I' | 'O' | 'U') => "an",
        _ => "a",
    };
    format!("{article} {noun}")
}

/// `a parcel's`.
pub(super) fn of_one(noun: &str) -> String {
    format!("{}'s", a(noun))
}

/// A regular plural.
pub(super) fn plural(noun: &str) -> String {
    if noun.ends_with('s') {
        return noun.to_owned();
    }
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    }
}

/// Whether a name is a word that may stand in a sentence.
pub(super) fn is_plain(name: &str) -> bool {
    name.chars().all(|letter| letter.is_ascii_lowercase())
}

/// The name of a common unit; other units as they are.
pub(super) fn spelled_out(unit: &str) -> &str {
    match unit {
        "mm" => "millimetres",
        "cm" => "centimetres",
        "m" => "metres",
        "km" => "kilometres",
        "g" => "grams",
        "kg" => "kilograms",
        "s" => "seconds",
        "min" => "minutes",
        "h" => "hours",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_are_regular() {
        for (noun, expected) in [
            ("length", "lengths"),
            ("species", "species"),
            ("city", "cities"),
            ("day", "days"),
        ] {
            assert_eq!(plural(noun), expected);
        }
        assert_eq!(of_one("order"), "an order's");
    }
}
