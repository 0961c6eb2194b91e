//! What the columns of a file contain.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use csv_rows::{CsvError, CsvRows, NumberFault, Unusable};
use feed::times::{self, OrderHint};
use pipeline::column::level_fault;

/// Levels beyond this number are not kept.
pub const MAX_LEVELS: usize = 10_000;

/// A file and its columns.
#[derive(Debug)]
pub struct Survey {
    /// The rows with as many cells as the header.
    pub rows: u64,
    /// The others.
    pub unusable: Unusable,
    /// The columns in the order of the file.
    pub columns: Vec<ColumnSurvey>,
}

/// The content of a column.
#[derive(Debug, Default)]
pub struct ColumnSurvey {
    /// The name.
    pub name: String,
    /// Cells without a value.
    pub missing: u64,
    /// Cells with a number.
    pub numbers: u64,
    /// Cells with digits and separators that are no number.
    pub separated: u64,
    /// The first of them.
    pub first_separated: Option<BadCell>,
    /// Cells with a time.
    pub times: u64,
    /// Cells with another text.
    pub texts: u64,
    /// The first of them.
    pub first_text: Option<BadCell>,
    /// The smallest and the greatest number.
    pub range: Option<(f64, f64)>,
    /// Whether each number is one more than the number before it, or one less.
    pub counts_rows: bool,
    /// Whether all numbers are whole.
    pub whole: bool,
    previous: Option<f64>,
    step: Option<f64>,
    /// The distinct values with their numbers of rows; `None` if there are too many.
    pub levels: Option<BTreeMap<String, u64>>,
    /// Cells that cannot be a level, and why.
    pub level_fault: Option<&'static str>,
}

/// A cell and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCell {
    /// The line of its row.
    pub line: u64,
    /// The content.
    pub text: String,
}

impl Survey {
    /// Reads all rows.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read<R: Read + Seek>(rows: &mut CsvRows<R>) -> Result<Self, CsvError> {
        let format = rows.format();
        let column = |name: &String| ColumnSurvey {
            name: name.clone(),
            counts_rows: true,
            whole: true,
            levels: Some(BTreeMap::new()),
            ..ColumnSurvey::default()
        };
        let mut survey = Self {
            rows: 0,
            unusable: Unusable::default(),
            columns: rows.header().iter().map(column).collect(),
        };
        for row in rows {
            let row = match row {
                Ok(row) => row,
                Err(CsvError::Row { line, reason, .. }) => {
                    survey.unusable.add(line, reason);
                    continue;
                }
                Err(error) => return Err(error),
            };
            survey.rows += 1;
            for (index, column) in survey.columns.iter_mut().enumerate() {
                match row.value(index) {
                    None => column.missing += 1,
                    Some(text) => column.add(row.line, text, format.number(text)),
                }
            }
        }
        Ok(survey)
    }

    /// The number of levels of a column, as far as they are counted.
    pub fn levels(&self, column: &str) -> usize {
        let mut columns = self.columns.iter();
        let levels = columns.find(|one| one.name == column);
        levels.map_or(0, |one| {
            one.levels.as_ref().map_or(MAX_LEVELS, BTreeMap::len)
        })
    }
}

impl ColumnSurvey {
    fn add(&mut self, line: u64, text: &str, number: Result<f64, NumberFault>) {
        let cell = || BadCell {
            line,
            text: text.chars().take(40).collect(),
        };
        match number {
            Ok(number) => self.add_number(number),
            Err(NumberFault::Separator { .. }) => {
                self.separated += 1;
                self.first_separated.get_or_insert_with(cell);
            }
            Err(NumberFault::NotANumber) if is_time(text) => self.times += 1,
            Err(NumberFault::NotANumber) => {
                self.texts += 1;
                self.first_text.get_or_insert_with(cell);
            }
        }
        if self.level_fault.is_none() {
            self.level_fault = level_fault(text);
        }
        if let Some(levels) = &mut self.levels {
            if let Some(count) = levels.get_mut(text) {
                *count += 1;
            } else if levels.len() < MAX_LEVELS && text.len() <= 1024 {
                levels.insert(text.to_owned(), 1);
            } else {
                self.levels = None;
            }
        }
    }

    fn add_number(&mut self, number: f64) {
        self.numbers += 1;
        let (low, high) = self.range.unwrap_or((number, number));
        self.range = Some((low.min(number), high.max(number)));
        self.whole &= number.fract() == 0.0;
        let step = self.previous.map(|previous| number - previous);
        let is_one = step.is_none_or(|step| step.abs() == 1.0);
        self.counts_rows &= is_one && (self.step.is_none() || self.step == step);
        self.step = step;
        self.previous = Some(number);
    }

    /// Cells with a value.
    pub fn values(&self) -> u64 {
        self.numbers + self.separated + self.times + self.texts
    }

    /// Whether almost all values are numbers, written with separators or not.
    pub fn is_numeric(&self) -> bool {
        let numbers = self.numbers + self.separated;
        numbers > 0 && numbers * 10 >= self.values() * 9
    }
}

/// Whether a text is a date or a time.
fn is_time(text: &str) -> bool {
    let starts = text.starts_with(|first: char| first.is_ascii_digit());
    starts
        && (times::parse(text, None).is_some() || times::order_hint(text) != OrderHint::NotSlashed)
}
