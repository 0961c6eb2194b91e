//! Columns of streams and tables.

use std::fmt;

use crate::types::SqlType;

/// A named column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
}

/// The columns of a stream or table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The columns in the record's key.
    pub key: Vec<Column>,
    /// The columns in the record's value.
    pub value: Vec<Column>,
}

impl Schema {
    /// All columns, the key's first.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().chain(&self.value)
    }
}

/// As ksqlDB prints it.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.key.iter().map(|column| (column, " KEY"));
        let values = self.value.iter().map(|column| (column, ""));
        for (index, (column, role)) in keys.chain(values).enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "`{}` {}{role}", column.name, column.ty)?;
        }
        Ok(())
    }
}
