//! The rows of a query, line by line.

use std::io::{self, Write};

use serde_json::value::RawValue;

use super::cell;
use super::columns::Columns;
use crate::stream::Column;

/// A table whose rows are written as they come: a column is as wide as its name, its type's usual
/// values and everything that it has shown so far. The heading waits for the first row, so that it
/// stands over its columns.
#[derive(Clone, Debug)]
pub struct RowTable {
    columns: Columns,
    /// The heading, while it waits.
    names: Option<Vec<String>>,
}

impl RowTable {
    /// A table without rows.
    pub fn new(columns: &[Column]) -> Self {
        let names: Vec<String> = columns
            .iter()
            .map(|column| cell::printable(&column.name))
            .collect();
        let usual = columns.iter().map(|c| usual_width(&c.sql_type)).collect();
        let mut columns = Columns::new(usual);
        columns.fit(&names);
        Self {
            columns,
            names: Some(names),
        }
    }

    /// Writes the heading where it still waits: no row may come any more.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(names) = self.names.take() {
            writeln!(
                out,
                "{}\n{}",
                self.columns.line(&names),
                self.columns.rule()
            )?;
        }
        out.flush()
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
        self.end(out)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).expect("JSON")
    }

    #[test]
    fn the_heading_stands_over_columns_that_are_wider_than_their_names() {
        let column = |name: &str| Column {
            name: name.to_owned(),
            sql_type: "STRING".to_owned(),
        };
        let mut table = RowTable::new(&[column("_id"), column("V")]);
        let mut out = Vec::new();
        let cells = [raw(r#""7@2021-06-09T13:39:37.971Z""#), raw(r#""a""#)];
        table.row(&mut out, &cells, false).expect("written");
        table.end(&mut out).expect("written");
        let text = String::from_utf8(out).expect("text");
        let bars: Vec<_> = text.lines().map(|line| line.find(['|', '+'])).collect();
        assert_eq!(bars, [Some(27); 3], "{text}");
    }
}
