//! Names of topics, streams and fields, made of the names of a folder and of columns.

use std::collections::HashSet;

use pipeline::definition::{RESERVED_FIELDS, RESERVED_FOR_GROUPS};

/// Names of the records of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordName {
    /// One record: `delivery`.
    pub one: String,
    /// Several: `deliveries`.
    pub many: String,
}

impl RecordName {
    /// The records of a folder with this name, in the singular or the plural: `deliveries`.
    pub fn of_folder(name: &str) -> Self {
        let letters = name.chars().map(|letter| match letter.is_alphanumeric() {
            true => letter,
            false => '-',
        });
        let name: String = letters.collect();
        let name = match name.trim_matches('-') {
            "" => "record",
            name => name,
        };
        let lower = name.to_lowercase();
        let cut = |end: usize| name[..name.len() - end].to_owned();
        let long = |end: &str| {
            lower.len() == name.len() && lower.len() > end.len() + 1 && lower.ends_with(end)
        };
        let many = |one: String| Self {
            one,
            many: name.to_owned(),
        };
        if long("ies") {
            many(cut(3) + "y")
        } else if ["ches", "shes", "sses", "xes"].iter().any(|end| long(end)) {
            many(cut(2))
        } else if long("s") && !["ss", "us", "is"].iter().any(|end| lower.ends_with(end)) {
            many(cut(1))
        } else {
            Self {
                many: plural(name),
                one: name.to_owned(),
            }
        }
    }
}

/// The plural of an English noun.
fn plural(name: &str) -> String {
    let before_y = name.strip_suffix('y');
    match before_y {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if ["s", "x", "ch", "sh"].iter().any(|end| name.ends_with(end)) => format!("{name}es"),
        _ => format!("{name}s"),
    }
}

/// A name for topics, connectors and databases: the ASCII letters and digits of a text, joined by hyphens.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug: String = slug.trim_matches('-').chars().take(40).collect();
    if slug.is_empty() {
        "record".to_owned()
    } else {
        slug
    }
}

/// A name for streams and tables that needs no quotes.
pub fn identifier(text: &str) -> String {
    slug(text).replace('-', "_").to_uppercase()
}

/// Fields of the SQL's rows and pseudo columns of ksqlDB.
const RESERVED_IN_SQL: [&str; 9] = [
    "ErrorAvg",
    "Key_Id",
    "Key_Version",
    "ROWTIME",
    "ROWKEY",
    "ROWPARTITION",
    "ROWOFFSET",
    "WINDOWSTART",
    "WINDOWEND",
];

/// Chooses fields that differ from each other and from reserved ones, also in lower case.
#[derive(Debug)]
pub struct Fields {
    taken: HashSet<String>,
}

impl Fields {
    /// All fields are free but the reserved ones and these.
    pub fn new<'a>(taken: impl IntoIterator<Item = &'a str>) -> Self {
        let reserved = RESERVED_FIELDS.into_iter().chain(RESERVED_FOR_GROUPS);
        let taken = reserved.chain(RESERVED_IN_SQL).chain(taken);
        Self {
            taken: taken.map(str::to_lowercase).collect(),
        }
    }

    /// A field for a column: its name, with underscores if it is taken.
    pub fn choose(&mut self, name: &str) -> String {
        let mut field = name.to_owned();
        while !self.taken.insert(field.to_lowercase()) {
            field.push('_');
        }
        field
    }
}

/// The unit in the name of a column: `distance (km)`, `body_mass_g`.
pub fn unit(name: &str) -> Option<&str> {
    // Not `min`, which means the minimum more often than minutes.
    const UNITS: [&str; 15] = [
        "mm", "cm", "km", "mi", "ft", "g", "kg", "kwh", "kw", "wh", "usd", "eur", "mpg", "hpa",
        "ms",
    ];
    let in_brackets = |open, close| {
        let (_, unit) = name.strip_suffix(close)?.rsplit_once(open)?;
        (1..=8).contains(&unit.chars().count()).then_some(unit)
    };
    let suffix = || {
        let (_, unit) = name.rsplit_once(['_', ' '])?;
        UNITS
            .contains(&unit.to_lowercase().as_str())
            .then_some(unit)
    };
    in_brackets('(', ')')
        .or_else(|| in_brackets('[', ']'))
        .or_else(suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_names_its_records() {
        for (folder, one, many) in [
            ("delivery", "delivery", "deliveries"),
            ("deliveries", "delivery", "deliveries"),
            ("penguins", "penguin", "penguins"),
            ("boxes", "box", "boxes"),
            ("house energy", "house-energy", "house-energies"),
            ("bus", "bus", "buses"),
            ("glass", "glass", "glasses"),
            ("days", "day", "days"),
            ("..", "record", "records"),
            ("s", "s", "ses"),
            ("Bücher", "Bücher", "Büchers"),
        ] {
            let expected = RecordName {
                one: one.into(),
                many: many.into(),
            };
            assert_eq!(RecordName::of_folder(folder), expected, "{folder}");
        }
    }

    #[test]
    fn names_have_only_legal_characters() {
        assert_eq!(slug("Bücher & Co. 2"), "b-cher-co-2");
        assert_eq!(slug("日本"), "record");
        assert_eq!(identifier("kWh (net)"), "KWH_NET");
    }

    #[test]
    fn fields_differ_from_each_other_and_from_reserved_ones() {
        let mut fields = Fields::new(["id"]);
        let names = ["ID", "error", "rowtime", "x", "X", "x_"];
        let chosen = names.map(|name| fields.choose(name));
        assert_eq!(chosen, ["ID_", "error_", "rowtime_", "x", "X_", "x__"]);
    }

    #[test]
    fn a_unit_is_read_from_the_name() {
        for (name, expected) in [
            ("bill_length_mm", Some("mm")),
            ("Energy (kWh)", Some("kWh")),
            ("temp [°C]", Some("°C")),
            ("body_mass_g", Some("g")),
            ("minutes", None),
            ("label_text", None),
            ("x ()", None),
        ] {
            assert_eq!(unit(name), expected, "{name}");
        }
    }
}
