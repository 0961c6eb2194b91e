//! Statements in ksqlDB's own form, as its responses show them: quoted names, columns with their
//! sources, expressions in parentheses, a completed `WITH` clause.

mod create;
mod expression;
mod query;

pub(crate) use create::{TopicSettings, create};

use ksql_parser::ast::TypeKind;
use ksql_parser::ast::TypeName;
use ksql_parser::keywords::is_reserved;

/// A name, in backticks where needed.
pub(crate) fn name(name: &str) -> String {
    let bare = |(index, c): (usize, char)| {
        c == '_' || c.is_ascii_uppercase() || (index > 0 && c.is_ascii_digit())
    };
    if !name.is_empty() && name.chars().enumerate().all(bare) && !is_reserved(name) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A name in backticks.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text constant.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A type.
fn type_name(ty: &TypeName) -> String {
    match &ty.kind {
        TypeKind::Named(given, parameters) => {
            let known = match given.as_str() {
                "VARCHAR" => "STRING",
                "INT" => "INTEGER",
                "DEC" => "DECIMAL",
                other => other,
            };
            if parameters.is_empty() {
                return known.to_owned();
            }
            let list: Vec<String> = parameters.iter().map(u64::to_string).collect();
            format!("{known}({})", list.join(", "))
        }
        TypeKind::Array(element) => format!("ARRAY<{}>", type_name(element)),
        TypeKind::Map(key, value) => format!("MAP<{}, {}>", type_name(key), type_name(value)),
        TypeKind::Struct(fields) => {
            let list: Vec<String> = fields
                .iter()
                .map(|(field, ty)| format!("{} {}", name(&field.name), type_name(ty)))
                .collect();
            format!("STRUCT<{}>", list.join(", "))
        }
    }
}

/// A duration in the largest unit that divides it.
fn duration(millis: i64) -> String {
    let units = [
        ("DAYS", 86_400_000),
        ("HOURS", 3_600_000),
        ("MINUTES", 60_000),
        ("SECONDS", 1_000),
    ];
    let fitting = units
        .into_iter()
        .find(|(_, unit)| millis != 0 && millis % unit == 0);
    match fitting {
        Some((unit, length)) => format!("{} {unit}", millis / length),
        None if millis == 0 => "0 SECONDS".to_owned(),
        None => format!("{millis} MILLISECONDS"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_only_where_needed() {
        for bare in ["A", "DIFF_WEIGHT", "V2", "_X", "TIMESTAMP"] {
            assert_eq!(name(bare), bare);
        }
        for (given, expected) in [
            ("Fish_Id", "`Fish_Id`"),
            ("SELECT", "`SELECT`"),
            ("2A", "`2A`"),
            ("", "``"),
            ("a`b", "`a``b`"),
        ] {
            assert_eq!(name(given), expected);
        }
    }

    #[test]
    fn a_duration_has_its_largest_unit() {
        for (millis, expected) in [
            (60_000, "1 MINUTES"),
            (86_400_000, "1 DAYS"),
            (90_000, "90 SECONDS"),
            (1, "1 MILLISECONDS"),
            (0, "0 SECONDS"),
        ] {
            assert_eq!(duration(millis), expected);
        }
    }
}
