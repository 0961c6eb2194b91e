//! Aligned columns, and JSON values as the text of a cell.

use std::io::{self, Write};

use serde_json::Value;
use serde_json::value::RawValue;
use unicode_width::UnicodeWidthStr;

use crate::stream::Column;

/// A text without control characters, which would break the alignment or control the terminal.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// A field of an entity on one line, with commas between the elements of a list.
pub(super) fn cell(value: &Value) -> String {
    let joined = |texts: Vec<String>| texts.join(", ");
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(&text.split_whitespace().collect::<Vec<_>>().join(" ")),
        Value::Array(values) => joined(values.iter().map(cell).collect()),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{name}:{}", cell(value));
            joined(fields.iter().map(field).collect())
        }
        other => other.to_string(),
    }
}

/// A value of a row: strings without quotes, everything else as the server wrote it.
fn raw_cell(raw: &RawValue) -> String {
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => printable(&text),
        Err(_) => printable(raw.get()),
    }
}

/// The widths of columns, in character cells of a terminal.
#[derive(Clone)]
struct Columns(Vec<usize>);

impl Columns {
    /// Widens the columns to the cells.
    fn fit<T: AsRef<str>>(&mut self, cells: &[T]) {
        for (width, cell) in self.0.iter_mut().zip(cells) {
            *width = cell.as_ref().width().max(*width);
        }
    }

    /// The cells on one line, without trailing spaces.
    fn line<T: AsRef<str>>(&self, cells: &[T]) -> String {
        let mut line = String::new();
        for (at, cell) in cells.iter().map(AsRef::as_ref).enumerate() {
            if at > 0 {
                line.push_str(" | ");
            }
            line.push_str(cell);
            let width = self.0.get(at).copied().unwrap_or_default();
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width())));
        }
        line.truncate(line.trim_end_matches(' ').len());
        line
    }

    /// The line between heading and rows.
    fn rule(&self) -> String {
        let dashes: Vec<_> = self.0.iter().map(|width| "-".repeat(*width)).collect();
        dashes.join("-+-")
    }
}

/// A heading and rows, aligned. Each line ends with a line break.
pub(super) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let mut columns = Columns(vec![0; heading.len()]);
    columns.fit(heading);
    for row in rows {
        columns.fit(row);
    }
    // The last column may contain a long query: limit its rule to 40 characters.
    let mut ruled = columns.clone();
    if let (Some(width), Some(name)) = (ruled.0.last_mut(), heading.last()) {
        *width = (*width).min(name.width().max(40));
    }
    let mut lines = vec![columns.line(heading), ruled.rule()];
    lines.extend(rows.iter().map(|row| columns.line(row)));
    lines.push(String::new());
    lines.join("\n")
}

/// The rows of a query, written as they arrive. A column is as wide as its name, the usual values of
/// its type, and all values written so far. The first row fits the columns before the heading is
/// written.
pub(crate) struct RowTable {
    columns: Columns,
    /// The heading, until it is written.
    names: Option<Vec<String>>,
}

impl RowTable {
    pub(crate) fn new(columns: &[Column]) -> Self {
        let names: Vec<_> = columns
            .iter()
            .map(|column| printable(&column.name))
            .collect();
        let usual = columns.iter().map(|column| usual_width(&column.sql_type));
        let mut columns = Columns(usual.collect());
        columns.fit(&names);
        Self {
            columns,
            names: Some(names),
        }
    }

    /// Writes the heading unless a row has already written it.
    pub(crate) fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(names) = self.names.take() {
            let (heading, rule) = (self.columns.line(&names), self.columns.rule());
            writeln!(out, "{heading}\n{rule}")?;
        }
        out.flush()
    }

    /// Writes a row.
    pub(crate) fn row(
        &mut self,
        out: &mut dyn Write,
        cells: &[Box<RawValue>],
        tombstone: bool,
    ) -> io::Result<()> {
        let mut cells: Vec<_> = cells.iter().map(|raw| raw_cell(raw)).collect();
        self.columns.fit(&cells);
        self.end(out)?;
        if tombstone {
            cells.push("<deleted>".into());
        }
        writeln!(out, "{}", self.columns.line(&cells))?;
        out.flush()
    }
}

/// The usual width of a type's values.
fn usual_width(sql_type: &str) -> usize {
    let name = sql_type.split([' ', '<', '(']).next().unwrap_or_default();
    match name {
        "BOOLEAN" => 5,
        "INTEGER" => 6,
        "DOUBLE" => 8,
        "ARRAY" | "MAP" | "STRUCT" => 16,
        // Milliseconds since 1970.
        "BIGINT" => 13,
        _ => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_and_accents_stay_aligned() {
        let rows = [["鮭", "1"], ["Plötze", "2"], ["e\u{301}", "3"]];
        let rows = rows.map(|row| row.map(String::from).to_vec());
        assert_eq!(
            table(&["Species", "N"], &rows),
            "Species | N\n--------+--\n鮭      | 1\nPlötze  | 2\ne\u{301}       | 3\n"
        );
    }

    #[test]
    fn the_heading_fits_the_first_row() {
        let column = |name: &str| Column {
            name: name.to_owned(),
            sql_type: "STRING".to_owned(),
        };
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let mut table = RowTable::new(&[column("_id"), column("V")]);
        let mut out = Vec::new();
        let cells = [raw(r#""7@2021-06-09T13:39:37.971Z""#), raw(r#""a""#)];
        table.row(&mut out, &cells, false).unwrap();
        table.end(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let bars: Vec<_> = text.lines().map(|line| line.find(['|', '+'])).collect();
        assert_eq!(bars, [Some(27); 3], "{text}");
    }
}
