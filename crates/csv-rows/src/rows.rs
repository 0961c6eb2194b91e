//! The header and the rows of a file.

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::Path;

use csv::{Position, StringRecord};

use crate::cell::is_missing;
use crate::format::Format;
use crate::text::{MAX_ROW, Text, TextFault};

/// The format is inferred from this many bytes.
const SAMPLE: u64 = 256 << 10;

/// What is wrong with a file or a row.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The file cannot be opened or read.
    #[error("cannot read {file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The file is not UTF-8 text.
    #[error(
        "{file}, line {line}: byte {byte} of the file is 0x{value:02X}, which is not UTF-8 text; save the file as CSV in UTF-8"
    )]
    NotUtf8 {
        /// The file.
        file: String,
        /// Its line.
        line: u64,
        /// Offset in the file, from 1.
        byte: u64,
        /// The byte.
        value: u8,
    },
    /// A row is so long that a quotation mark is probably not closed.
    #[error(
        "{file}, line {line}: the row that begins here is longer than {} MiB; is a quotation mark not closed?",
        MAX_ROW >> 20
    )]
    RowTooLong {
        /// The file.
        file: String,
        /// The line on which the row begins.
        line: u64,
    },
    /// The header cannot be used.
    #[error("{file}, line {line}: {reason}")]
    Header {
        /// The file.
        file: String,
        /// The line of the header.
        line: u64,
        /// What is wrong, and what is expected.
        reason: String,
    },
    /// A row has not as many cells as the header. The rows after it can be read.
    #[error("{file}, line {line}: {reason}")]
    Row {
        /// The file.
        file: String,
        /// The line on which the row begins.
        line: u64,
        /// What is wrong, and what is expected.
        reason: String,
    },
}

/// A row of a file.
#[derive(Clone, Debug)]
pub struct Row {
    /// The line on which it begins; the first line of the file is 1.
    pub line: u64,
    cells: StringRecord,
    position: Position,
    /// Whether the last cell begins with a quotation mark that is not closed before the end of the file.
    is_cut: bool,
}

impl Row {
    /// The content of a cell without surrounding spaces; empty after the last cell.
    pub fn cell(&self, index: usize) -> &str {
        self.cells.get(index).unwrap_or_default().trim()
    }

    /// The content of a cell; `None` if the value is missing.
    pub fn value(&self, index: usize) -> Option<&str> {
        Some(self.cell(index)).filter(|cell| !is_missing(cell))
    }

    /// Where it begins, for [`CsvRows::seek`].
    pub fn position(&self) -> &Position {
        &self.position
    }
}

/// Reads the rows of a file. After an error other than [`CsvError::Row`] there are no more rows.
#[derive(Debug)]
pub struct CsvRows<R> {
    file: String,
    format: Format,
    header: Vec<String>,
    reader: csv::Reader<Text<R>>,
    /// Where the first row begins.
    first: Position,
    has_ended: bool,
}

impl CsvRows<File> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// The file cannot be read, or its header cannot be used.
    pub fn open(path: &Path) -> Result<Self, CsvError> {
        let file = path.display().to_string();
        match File::open(path) {
            Ok(source) => Self::new(file, source),
            Err(source) => Err(CsvError::Unreadable { file, source }),
        }
    }
}

impl<B: AsRef<[u8]>> CsvRows<Cursor<B>> {
    /// Reads the header of a file in memory. Errors name it `file`.
    ///
    /// # Errors
    /// The header cannot be used.
    pub fn from_bytes(file: impl Into<String>, bytes: B) -> Result<Self, CsvError> {
        Self::new(file.into(), Cursor::new(bytes))
    }
}

impl<R: Read + Seek> CsvRows<R> {
    /// Infers the format of a file and reads its header. Errors name it `file`.
    ///
    /// # Errors
    /// The file cannot be read, or its header cannot be used.
    pub fn new(file: String, mut source: R) -> Result<Self, CsvError> {
        let mut sample = Vec::new();
        let sampled = source.by_ref().take(SAMPLE).read_to_end(&mut sample);
        if let Err(source) = sampled.and_then(|_| source.rewind()) {
            return Err(CsvError::Unreadable { file, source });
        }
        let whole = (sample.len() as u64) < SAMPLE;
        let format = Format::infer(&sample, whole);
        let mut rows = Self {
            file,
            format,
            header: Vec::new(),
            reader: format.builder().from_reader(Text::new(source)),
            first: Position::new(),
            has_ended: false,
        };
        let Some(header) = rows.read()? else {
            return Err(rows.wrong_header(
                1,
                "the file is empty; expected a header with the names of the columns",
            ));
        };
        rows.header = names(&header).map_err(|reason| rows.wrong_header(header.line, reason))?;
        rows.first = rows.reader.position().clone();
        Ok(rows)
    }

    /// The names of the columns; a column without a name is `column 1` for the first, and so on.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// How the file is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The file's name in errors.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The position of a column. If no name is equal, upper and lower case are ignored.
    pub fn column(&self, name: &str) -> Option<usize> {
        let mut names = self.header.iter();
        let equal = names.position(|column| column == name);
        equal.or_else(|| {
            let lower = name.to_lowercase();
            let same = |column: &String| column.to_lowercase() == lower;
            let mut found = (0..).zip(&self.header).filter(|(_, column)| same(column));
            match (found.next(), found.next()) {
                (Some((index, _)), None) => Some(index),
                // Two columns that differ only in case are ambiguous.
                _ => None,
            }
        })
    }

    /// Continues with the row at `position`, which this file has returned.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn seek(&mut self, position: &Position) -> Result<(), CsvError> {
        self.has_ended = false;
        if position.byte() != self.reader.position().byte() {
            self.reader.get_mut().continue_at(position.line());
        }
        let sought = self.reader.seek(position.clone());
        sought.map_err(|error| self.failed(error, position.line()))
    }

    /// Continues with the first row.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn rewind(&mut self) -> Result<(), CsvError> {
        let first = self.first.clone();
        self.seek(&first)
    }

    /// The next row, whatever its number of cells; `None` at the end.
    fn read(&mut self) -> Result<Option<Row>, CsvError> {
        let mut cells = StringRecord::new();
        let start = self.reader.position().clone();
        self.reader.get_mut().begin_row();
        match self.reader.read_record(&mut cells) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let position = cells.position().cloned().unwrap_or(start);
                let is_cut = self.is_cut(&cells);
                Ok(Some(Row {
                    line: self.line_of(&cells, is_cut),
                    is_cut,
                    cells,
                    position,
                }))
            }
            Err(error) => Err(self.failed(error, start.line())),
        }
    }

    /// The line on which a row begins that was just read. Its own position is before the blank lines that
    /// precede it.
    fn line_of(&self, cells: &StringRecord, is_cut: bool) -> u64 {
        let end = self.reader.position();
        let inside = cells
            .as_slice()
            .bytes()
            .filter(|byte| *byte == b'\n')
            .count() as u64;
        let ended_line = !is_cut && self.reader.get_ref().byte_before(end.byte()) == Some(b'\n');
        end.line() - inside - u64::from(ended_line)
    }

    /// Whether the last cell of the row that was just read is quoted and not closed: it has line breaks and
    /// the row does not end with a quotation mark.
    fn is_cut(&self, cells: &StringRecord) -> bool {
        let last = cells.iter().next_back().unwrap_or_default();
        let text = self.reader.get_ref();
        let end = self.reader.position().byte();
        let end = match text.byte_before(end) {
            Some(b'\n' | b'\r') => end - 1,
            _ => end,
        };
        last.contains('\n') && text.byte_before(end).is_some_and(|byte| byte != b'"')
    }

    fn failed(&mut self, error: csv::Error, line: u64) -> CsvError {
        let file = self.file.clone();
        match (self.reader.get_mut().take_fault(), error.into_kind()) {
            (Some(TextFault::NotUtf8 { line, byte, value }), _) => CsvError::NotUtf8 {
                file,
                line,
                byte,
                value,
            },
            (Some(TextFault::RowTooLong), _) => CsvError::RowTooLong { file, line },
            (None, csv::ErrorKind::Io(source)) => CsvError::Unreadable { file, source },
            (None, other) => CsvError::Unreadable {
                file,
                source: std::io::Error::other(format!("{other:?}")),
            },
        }
    }

    fn wrong_header(&self, line: u64, reason: impl Into<String>) -> CsvError {
        CsvError::Header {
            file: self.file.clone(),
            line,
            reason: reason.into(),
        }
    }
}

impl<R: Read + Seek> Iterator for CsvRows<R> {
    type Item = Result<Row, CsvError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        match self.read() {
            Ok(Some(row)) if row.cells.len() == self.header.len() && !row.is_cut => Some(Ok(row)),
            Ok(Some(row)) => {
                let (cells, columns) = (row.cells.len(), self.header.len());
                let lines = row.cells.as_slice().matches('\n').count() + 1;
                let reason = if row.is_cut {
                    format!(
                        "the last cell spans {} lines: its quotation mark is not closed",
                        lines - 1
                    )
                } else if lines > 2 {
                    format!(
                        "has {cells} cells where the header has {columns} and spans {lines} lines; is a quotation mark not closed?"
                    )
                } else {
                    format!("has {cells} cells where the header has {columns}")
                };
                Some(Err(CsvError::Row {
                    file: self.file.clone(),
                    line: row.line,
                    reason,
                }))
            }
            Ok(None) => {
                self.has_ended = true;
                None
            }
            Err(error) => {
                self.has_ended = true;
                Some(Err(error))
            }
        }
    }
}

/// The names of the columns.
fn names(header: &Row) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for index in 0..header.cells.len() {
        let name = match header.cell(index) {
            "" => format!("column {}", index + 1),
            name => name.to_owned(),
        };
        if let Some(first) = names.iter().position(|known| *known == name) {
            return Err(format!(
                "the header has the column `{name}` twice, as column {} and {}; rename one",
                first + 1,
                index + 1
            ));
        }
        names.push(name);
    }
    Ok(names)
}
