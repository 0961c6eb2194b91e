//! Reads a CSV file that a user supplies: columns by name, rows with their line numbers, and errors that
//! say what to write instead.

use csv::{ReaderBuilder, StringRecord, Trim};

/// A row, with its cells in the order of the requested columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<const N: usize> {
    /// Line in the file; the header is line 1.
    pub line: u64,
    /// Cells without surrounding spaces.
    pub cells: [String; N],
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct WrongLine {
    /// Line in the file; the header is line 1.
    pub line: u64,
    /// What is wrong, and what to write instead.
    pub reason: String,
}

impl WrongLine {
    /// An error in a line.
    pub fn new(line: u64, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { line, reason }
    }
}

/// Reads the rows of a file with a header. Columns may be in any order, and further columns are ignored. A
/// byte order mark, CRLF line ends and blank lines are allowed. An empty file has no rows.
///
/// # Errors
/// A line is not UTF-8 text, or has more or fewer fields than the header. The header lacks a column or
/// repeats it.
pub fn read<const N: usize>(file: &[u8], columns: [&str; N]) -> Result<Vec<Row<N>>, WrongLine> {
    let rows = read_columns(file, &columns)?.into_iter();
    let row = |(line, cells): (u64, Vec<String>)| {
        let cells = cells.try_into();
        let cells = cells.map_err(|_| WrongLine::new(line, "has too few cells"))?;
        Ok(Row { line, cells })
    };
    rows.map(row).collect()
}

/// As [`read`] for any number of columns: the line in the file and the cells of each row.
///
/// # Errors
/// As [`read`].
pub fn read_columns(file: &[u8], columns: &[&str]) -> Result<Vec<(u64, Vec<String>)>, WrongLine> {
    let mut reader = ReaderBuilder::new()
        .trim(Trim::All)
        .flexible(true)
        .from_reader(file);
    let header = reader.headers().map_err(|error| not_text(&error))?.clone();
    if header.is_empty() {
        return Ok(Vec::new());
    }
    let places = places(&header, columns).map_err(|reason| WrongLine::new(1, reason))?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| not_text(&error))?;
        let line = line_of(&record, file);
        let (fields, width) = (record.len(), header.len());
        if fields != width {
            let reason = format!(
                "has {fields} fields where the header has {width}; decimals are written with a point"
            );
            return Err(WrongLine::new(line, reason));
        }
        let cell = |place: &usize| record.get(*place).unwrap_or_default().to_owned();
        rows.push((line, places.iter().map(cell).collect()));
    }
    Ok(rows)
}

/// Parses a cell as a finite number above 0.
///
/// # Errors
/// The cell's content and what to write instead.
pub fn positive(column: &str, cell: &str) -> Result<f64, String> {
    match cell.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err(format!(
            "{column} is `{cell}`; write a positive number, such as 4.52"
        )),
    }
}

/// The positions of the columns in the header.
fn places(header: &StringRecord, columns: &[&str]) -> Result<Vec<usize>, String> {
    let mut places = Vec::new();
    for name in columns {
        let named = |(_, column): &(usize, &str)| column == name;
        let mut found = header.iter().enumerate().filter(named);
        places.push(match (found.next(), found.next()) {
            (Some((place, _)), None) => place,
            (Some(_), Some(_)) => return Err(format!("the header has the column {name} twice")),
            (None, _) => {
                return Err(format!(
                    "the header has no column {name}; it must be {}, separated by commas",
                    columns.join(",")
                ));
            }
        });
    }
    Ok(places)
}

/// The line on which a record begins. The reader's own position is before the blank lines that precede
/// the record.
fn line_of(record: &StringRecord, file: &[u8]) -> u64 {
    let Some(position) = record.position() else {
        return 0;
    };
    let rest = usize::try_from(position.byte())
        .ok()
        .and_then(|byte| file.get(byte..))
        .unwrap_or_default();
    let skipped = rest
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .filter(|byte| **byte == b'\n')
        .count();
    position.line() + skipped as u64
}

fn not_text(error: &csv::Error) -> WrongLine {
    let line = error.position().map_or(1, csv::Position::line);
    let reason = format!("is not UTF-8 text ({error}); save the file as CSV in UTF-8");
    WrongLine::new(line, reason)
}
