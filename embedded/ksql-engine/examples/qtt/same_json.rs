//! Compares two JSON values of the same type byte for byte, except for the order of MAP entries.

use std::fmt;

use ksql_engine::schema::Column;
use ksql_engine::types::{Field, SqlType};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Compares the values of two records.
pub(crate) fn same_row(wanted: &[u8], found: &[u8], columns: &[Column]) -> bool {
    let fields = columns.iter().map(|column| Field {
        name: column.name.clone(),
        ty: column.ty.clone(),
    });
    let row = SqlType::Struct(fields.collect());
    let texts = (std::str::from_utf8(wanted), std::str::from_utf8(found));
    wanted == found || matches!(texts, (Ok(wanted), Ok(found)) if same(wanted, found, &row))
}

fn same(wanted: &str, found: &str, ty: &SqlType) -> bool {
    if !ty.has_map() {
        return wanted == found;
    }
    let same_or_null = |same: Option<bool>| same.unwrap_or(wanted == found);
    match ty {
        SqlType::Struct(fields) => same_or_null(both(wanted, found, entries).map(|pairs| {
            let types = fields.iter().map(|field| &field.ty);
            pairs.len() == fields.len()
                && pairs
                    .iter()
                    .zip(types)
                    .all(|((wanted, found), ty)| wanted.0 == found.0 && same(wanted.1, found.1, ty))
        })),
        SqlType::Map(ty) => {
            let sorted = |text| {
                let mut entries = entries(text)?;
                entries.sort_unstable();
                Some(entries)
            };
            same_or_null(both(wanted, found, sorted).map(|pairs| {
                let mut pairs = pairs.iter();
                pairs.all(|(wanted, found)| wanted.0 == found.0 && same(wanted.1, found.1, ty))
            }))
        }
        SqlType::Array(ty) => same_or_null(both(wanted, found, elements).map(|pairs| {
            let mut pairs = pairs.iter();
            pairs.all(|(wanted, found)| same(wanted, found, ty))
        })),
        _ => wanted == found,
    }
}

/// The parts of both in pairs; `None` if either cannot be split or their counts differ.
fn both<'t, T>(
    wanted: &'t str,
    found: &'t str,
    parts: impl Fn(&'t str) -> Option<Vec<T>>,
) -> Option<Vec<(T, T)>> {
    let (wanted, found) = (parts(wanted)?, parts(found)?);
    (wanted.len() == found.len()).then(|| wanted.into_iter().zip(found).collect())
}

/// The elements of an array without spaces.
fn elements(text: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let elements: Vec<&str> = elements.into_iter().map(RawValue::get).collect();
    (format!("[{}]", elements.join(",")) == text).then_some(elements)
}

/// The quoted names and the values of an object without spaces.
fn entries(text: &str) -> Option<Vec<(&str, &str)>> {
    let Entries(entries) = serde_json::from_str(text).ok()?;
    let texts = entries
        .iter()
        .map(|(name, value)| format!("{name}:{value}"));
    let texts: Vec<String> = texts.collect();
    (format!("{{{}}}", texts.join(",")) == text).then_some(entries)
}

/// The entries of an object in order, duplicate names included.
struct Entries<'t>(Vec<(&'t str, &'t str)>);

impl<'t> Deserialize<'t> for Entries<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'t> Visitor<'t> for InOrder {
            type Value = Entries<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    entries.push((name.get(), value.get()));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let map = SqlType::Map(Box::new(SqlType::Integer));
        let field = |name: &str, ty: &SqlType| Field {
            name: name.to_owned(),
            ty: ty.clone(),
        };
        let fields = [field("B", &map), field("A", &SqlType::Integer)];
        let structs = SqlType::Array(Box::new(SqlType::Struct(fields.into())));
        let column = |name: &str, ty| Column {
            name: name.to_owned(),
            ty,
        };
        vec![column("S", structs), column("M", map.clone())]
    }

    fn is_same(wanted: &str, found: &str) -> bool {
        same_row(wanted.as_bytes(), found.as_bytes(), &columns())
    }

    #[test]
    fn only_map_entries_may_be_in_any_order() {
        let wanted = r#"{"S":[{"B":{"x":1,"y":2},"A":3}],"M":{"p":4,"q":5}}"#;
        assert!(is_same(wanted, wanted));
        assert!(is_same(
            wanted,
            r#"{"S":[{"B":{"y":2,"x":1},"A":3}],"M":{"q":5,"p":4}}"#
        ));
        for other in [
            // Columns, then fields, in another order.
            r#"{"M":{"p":4,"q":5},"S":[{"B":{"x":1,"y":2},"A":3}]}"#,
            r#"{"S":[{"A":3,"B":{"x":1,"y":2}}],"M":{"p":4,"q":5}}"#,
            // A space, a repeated entry, another value.
            r#"{"S":[{"B":{"x":1,"y":2},"A":3}], "M":{"p":4,"q":5}}"#,
            r#"{"S":[{"B":{"x":1, "y":2},"A":3}],"M":{"p":4,"q":5}}"#,
            r#"{"S":[{"B":{"x":1,"y":2},"A":3}],"M":{"p":4,"q":5,"q":5}}"#,
            r#"{"S":[{"B":{"x":1,"y":3},"A":3}],"M":{"p":4,"q":5}}"#,
        ] {
            assert!(!is_same(wanted, other), "{other}");
        }
        assert!(is_same(r#"{"S":null,"M":null}"#, r#"{"S":null,"M":null}"#));
        assert!(!is_same(r#"{"S":null,"M":null}"#, r#"{"S":[],"M":null}"#));
    }
}
