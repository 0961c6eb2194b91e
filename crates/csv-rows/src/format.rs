//! The notation of a file, inferred from its first rows.

use std::fmt;

use csv::ReaderBuilder;

use crate::cell::{has_decimal_mark, has_thousands_commas};

/// Delimiters, in the order in which they are tried: a comma may also be part of a number or a sentence.
const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];

/// The part of the sampled rows that must have as many cells as the header.
const CONSISTENT: f64 = 0.9;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The character between two cells.
    pub delimiter: u8,
    /// Whether decimals are written with a comma: `1,5`.
    pub decimal_comma: bool,
    /// Whether the file begins with a byte order mark.
    pub byte_order_mark: bool,
    /// Whether lines end with CR LF.
    pub crlf: bool,
}

impl Format {
    /// The format of a file that begins with `sample`. The last line of the sample is ignored unless the
    /// sample is the `whole` file, because it may be cut.
    pub(crate) fn infer(sample: &[u8], whole: bool) -> Self {
        let byte_order_mark = sample.starts_with(b"\xef\xbb\xbf");
        let crlf = sample.windows(2).any(|pair| pair == b"\r\n");
        let rows_with = |delimiter| rows(sample, whole, delimiter);
        let found = DELIMITERS.into_iter().find_map(|delimiter| {
            let rows = rows_with(delimiter);
            is_consistent(&rows).then_some((delimiter, rows))
        });
        // Without a delimiter, the file has one column.
        let (delimiter, rows) = found.unwrap_or_else(|| {
            let widest = DELIMITERS
                .into_iter()
                .rev()
                .map(|delimiter| (delimiter, rows_with(delimiter)))
                .reduce(|best, other| {
                    let width = |rows: &[Vec<String>]| rows.first().map_or(0, Vec::len);
                    if width(&other.1) > width(&best.1) {
                        other
                    } else {
                        best
                    }
                });
            widest.unwrap_or_else(|| (b',', Vec::new()))
        });
        let cells = || rows.iter().skip(1).flatten().map(|cell| cell.trim());
        let commas = cells().filter(|cell| has_decimal_mark(cell, ',')).count();
        let points = cells().filter(|cell| has_decimal_mark(cell, '.')).count();
        let thousands = || cells().filter(|cell| has_thousands_commas(cell)).count() == commas;
        Self {
            delimiter,
            // A semicolon is the delimiter of countries with a decimal comma.
            decimal_comma: commas > points && (delimiter == b';' || !thousands()),
            byte_order_mark,
            crlf,
        }
    }

    /// A reader of files in this format.
    pub(crate) fn builder(self) -> ReaderBuilder {
        let mut builder = ReaderBuilder::new();
        builder
            .delimiter(self.delimiter)
            .has_headers(false)
            .flexible(true);
        builder
    }
}

/// The cells of the sample. Blank lines are skipped.
fn rows(sample: &[u8], whole: bool, delimiter: u8) -> Vec<Vec<String>> {
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(sample);
    let mut rows: Vec<Vec<String>> = reader
        .byte_records()
        .filter_map(Result::ok)
        .map(|record| {
            record
                .iter()
                .map(|cell| String::from_utf8_lossy(cell).into_owned())
                .collect()
        })
        .collect();
    if !whole && rows.len() > 1 {
        rows.pop();
    }
    rows
}

/// Whether the header has several cells and most rows have as many.
fn is_consistent(rows: &[Vec<String>]) -> bool {
    let Some((header, rows)) = rows.split_first() else {
        return false;
    };
    let same = rows.iter().filter(|row| row.len() == header.len()).count();
    header.len() > 1 && same as f64 >= CONSISTENT * rows.len() as f64
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delimiter = match self.delimiter {
            b'\t' => "tab",
            b';' => "semicolon",
            b'|' => "vertical bar",
            _ => "comma",
        };
        write!(
            f,
            "{delimiter} between cells, decimal {}",
            if self.decimal_comma { "comma" } else { "point" }
        )?;
        if self.byte_order_mark {
            f.write_str(", byte order mark")?;
        }
        if self.crlf {
            f.write_str(", CR LF")?;
        }
        Ok(())
    }
}
