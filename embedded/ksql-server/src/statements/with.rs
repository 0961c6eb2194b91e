//! The `WITH` clause of a `CREATE`.

use ksql_parser::Literal;
use ksql_parser::ast::Property;

/// Access to the properties of a `WITH` clause.
pub(super) struct With<'a>(pub(super) &'a [Property]);

impl With<'_> {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|property| property.name.name == name);
        match found.map(|property| &property.value) {
            Some(Literal::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let found = self.0.iter().find(|property| property.name.name == name);
        match found.map(|property| &property.value) {
            Some(Literal::Integer(number)) => Some(*number),
            Some(Literal::Text(text)) => text.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn count(&self, name: &str) -> Option<u32> {
        self.number(name)
            .and_then(|count| u32::try_from(count).ok())
    }
}
