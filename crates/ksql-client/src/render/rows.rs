//! The rows of a query, line by line.

use std::io::{self, Write};

use serde_json::value::RawValue;

use super::cell;
use super::columns::Columns;
use crate::stream::Column;

/// A table whose rows are written as they come: a column is as wide as its name, its type's usual
/// values and everything that it has shown so far.
#[derive(Clone, Debug)]
pub struct RowTable {
    columns: Columns,
}

impl RowTable {
    /// Writes the heading.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn begin(out: &mut dyn Write, columns: &[Column]) -> io::Result<Self> {
        let names: Vec<_> = columns.iter().map(|c| cell::printable(&c.name)).collect();
        let usual = columns.iter().map(|c| usual_width(&c.sql_type)).collect();
        let mut columns = Columns::new(usual);
        columns.fit(&names);
        writeln!(out, "{}\n{}", columns.line(&names), columns.rule())?;
        out.flush()?;
        Ok(Self { columns })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn row(
        &mut self,
        out: &mut dyn Write,
        cells: &[Box<RawValue>],
        tombstone: bool,
    ) -> io::Result<()> {
        let mut cells: Vec<_> = cells.iter().map(|raw| cell::of_raw(raw)).collect();
        self.columns.fit(&cells);
        if tombstone {
            cells.push("<deleted>".into());
        }
        writeln!(out, "{}", self.columns.line(&cells))?;
        out.flush()
    }
}

/// How wide most values of a type are. BIGINT: milliseconds since 1970.
fn usual_width(sql_type: &str) -> usize {
    let name = sql_type.split([' ', '<', '(']).next().unwrap_or_default();
    match name {
        "BOOLEAN" => 5,
        "INTEGER" => 6,
        "DOUBLE" => 8,
        "ARRAY" | "MAP" | "STRUCT" => 16,
        "BIGINT" => 13,
        _ => 10,
    }
}
