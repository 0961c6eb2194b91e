//! The table of the joined rows: a column for each field of the pipeline, to query by.

use std::collections::HashSet;

use pipeline::Definition;
use rusqlite::types::{ToSqlOutput, Value as Cell};
use serde_json::Value;

use crate::features::levels;
use crate::foreign;

/// The table and its columns.
#[derive(Debug)]
pub(super) struct RowsTable {
    /// The name of the table.
    pub(super) name: String,
    /// The columns besides `_id` and `document`.
    pub(super) columns: Vec<RowColumn>,
}

/// A column. It is null if the document has no value of its kind.
#[derive(Debug)]
pub(super) struct RowColumn {
    /// Its name, which is the field's name unless another column has the same name in SQLite, where upper
    /// and lower case are the same.
    pub(super) name: String,
    /// The field of the document.
    pub(super) field: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// A string, or a number as text.
    Text,
    Number,
    /// A time in any form that [`foreign::event_time`] reads, as text that sorts like times.
    Time,
}

const TIMESTAMP: &str = "Timestamp";
const MODEL_VERSION: &str = "ModelVersion";

impl RowsTable {
    pub(super) fn of(definition: &Definition) -> Self {
        let texts = |fields: Vec<String>| fields.into_iter().map(|field| (field, Kind::Text));
        let numbers = |fields: Vec<String>| fields.into_iter().map(|field| (field, Kind::Number));
        let levels = levels(definition).map(|column| column.field.clone());
        let inputs = definition.numbers().map(|column| column.field.clone());
        let fields = texts(vec!["Key".to_owned(), definition.key.clone()])
            .chain(texts(levels.collect()))
            .chain(numbers(inputs.collect()))
            .chain(numbers(vec![
                definition.predicted_field(),
                definition.actual_field(),
                "Error".to_owned(),
            ]))
            .chain(texts(vec![
                "ModelTime".to_owned(),
                MODEL_VERSION.to_owned(),
            ]))
            .chain([(TIMESTAMP.to_owned(), Kind::Time)]);
        let mut names: HashSet<String> = ["_id", "document"].map(str::to_owned).into();
        let columns = fields.map(|(field, kind)| {
            let mut name = field.clone();
            while !names.insert(name.to_ascii_lowercase()) {
                name.push('_');
            }
            RowColumn { name, field, kind }
        });
        Self {
            columns: columns.collect(),
            name: definition.collection.clone(),
        }
    }

    /// The quoted name of the column of a field.
    pub(super) fn column_of(&self, field: &str) -> String {
        let column = self.columns.iter().find(|column| column.field == field);
        quoted(column.map_or(field, |column| &column.name))
    }

    pub(super) fn model_version(&self) -> String {
        self.column_of(MODEL_VERSION)
    }

    pub(super) fn timestamp(&self) -> String {
        self.column_of(TIMESTAMP)
    }

    pub(super) fn create_sql(&self) -> String {
        let columns: String = self
            .columns
            .iter()
            .map(|column| format!("{} {}, ", quoted(&column.name), column.sql_type()))
            .collect();
        let table = quoted(&self.name);
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (_id TEXT PRIMARY KEY NOT NULL, {columns} document TEXT NOT NULL);"
        )
    }

    /// Adds a column and fills it from the documents.
    pub(super) fn add_column_sql(&self, column: &RowColumn) -> String {
        let (table, name) = (quoted(&self.name), quoted(&column.name));
        let field = column.field.replace('\'', "\'\'");
        format!(
            "ALTER TABLE {table} ADD COLUMN {name} {}; \
             UPDATE {table} SET {name} = document ->> '{field}';",
            column.sql_type()
        )
    }

    pub(super) fn index_sql(&self, definition: &Definition) -> String {
        let (table, timestamp) = (quoted(&self.name), self.timestamp());
        let index = |name: &str, columns: String| {
            let index = quoted(&format!("{}_{name}", self.name));
            format!("CREATE INDEX IF NOT EXISTS {index} ON {table} ({columns});\n")
        };
        let group = definition.group().map_or_else(String::new, |group| {
            let column = self.column_of(&group.field);
            index(&group.name, format!("{column}, {timestamp}, _id"))
        });
        let key = self.column_of(&definition.key);
        let record = &definition.record;
        format!(
            "{}{group}{}",
            index("newest", format!("{timestamp}, _id")),
            index(record, key)
        )
    }
}

impl RowColumn {
    fn sql_type(&self) -> &'static str {
        match self.kind {
            Kind::Number => "REAL",
            Kind::Text | Kind::Time => "TEXT",
        }
    }

    /// The cell for a document.
    pub(super) fn cell<'a>(&self, document: &'a Value) -> ToSqlOutput<'a> {
        let text = |text: &'a str| ToSqlOutput::from(text);
        match (document.get(&self.field), self.kind) {
            (Some(Value::String(string)), Kind::Text) => text(string),
            (Some(Value::Number(number)), Kind::Text) => {
                ToSqlOutput::Owned(Cell::Text(number.to_string()))
            }
            (Some(Value::Number(number)), Kind::Number) => {
                ToSqlOutput::Owned(number.as_f64().map_or(Cell::Null, Cell::Real))
            }
            (Some(time), Kind::Time) => match (foreign::event_time(time), time) {
                (Some(time), _) => ToSqlOutput::Owned(Cell::Text(time.to_string())),
                (None, Value::String(other)) => text(other),
                (None, _) => ToSqlOutput::Owned(Cell::Null),
            },
            _ => ToSqlOutput::Owned(Cell::Null),
        }
    }
}

/// A name in double quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_fish_has_the_names_of_earlier_releases() {
        let definition = Definition::shipped();
        let table = RowsTable::of(definition);
        assert_eq!(
            table.create_sql(),
            "CREATE TABLE IF NOT EXISTS \"TrainingData\" (_id TEXT PRIMARY KEY NOT NULL, \"Key\" TEXT, \
             \"Fish_Id\" TEXT, \"Species\" TEXT, \"Length\" REAL, \"Height\" REAL, \"PredictedWeight\" REAL, \
             \"ActualWeight\" REAL, \"Error\" REAL, \"ModelTime\" TEXT, \"ModelVersion\" TEXT, \
             \"Timestamp\" TEXT,  document TEXT NOT NULL);"
        );
        let indexes = table.index_sql(definition);
        for name in [
            "TrainingData_newest",
            "TrainingData_species",
            "TrainingData_fish",
        ] {
            assert!(indexes.contains(name), "{indexes}");
        }
    }
}
