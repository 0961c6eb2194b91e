//! The usable rows of a CSV file, with the records that are made of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use csv::Position;
use csv_rows::{CsvError, CsvRows, Format, Row, Unusable};
use pipeline::column::level_fault;
use pipeline::{Column, Definition, EventTime, Feed, FeedTimes};
use serde_json::{Map, Value};

use crate::times::{self, DateOrder, OrderHint};

/// Why a file cannot be fed.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The file cannot be read.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// A column is missing, or its content cannot be used.
    #[error("{file}: {reason}")]
    Column {
        /// The file.
        file: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Two rows have the same key.
    #[error(
        "{file}, line {line}: the key {column} `{key}` is already on line {first}; keys must differ. Choose another column, or none to number the rows"
    )]
    DuplicateKey {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// The key.
        key: String,
        /// The line of the first row with the key.
        first: u64,
        /// The line of the second one.
        line: u64,
    },
}

/// A row that can be sent.
#[derive(Clone, Debug)]
pub struct FeedRow {
    /// The line of the file on which it begins.
    pub line: u64,
    /// Its number in the file, from 1; rows that cannot be used count too.
    pub number: u64,
    /// The key.
    pub key: String,
    /// The cells of the definition's columns; `None` for a missing value.
    pub cells: Vec<Option<Cell>>,
    /// When it is measured, if the file says it.
    pub measured_at: Option<EventTime>,
    /// When its actual value is known, if the file says it.
    pub actual_at: Option<EventTime>,
    position: Position,
}

/// The value of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A number.
    Number(f64),
    /// A level of a category.
    Level(String),
}

impl FeedRow {
    /// Where it begins, for [`FeedRows::seek`].
    pub fn position(&self) -> &Position {
        &self.position
    }
}

/// Reads the usable rows of a file.
#[derive(Debug)]
pub struct FeedRows {
    definition: &'static Definition,
    path: PathBuf,
    rows: CsvRows<File>,
    places: Places,
    /// How many rows were read.
    number: u64,
    unusable: Unusable,
}

/// Positions of columns in the file.
#[derive(Clone, Debug)]
struct Places {
    key: Option<usize>,
    /// In the order of the definition's columns; `None` if the file lacks a column that no one needs.
    columns: Vec<Option<usize>>,
    measured_at: Option<TimePlace>,
    actual_at: Option<TimePlace>,
}

#[derive(Clone, Debug)]
struct TimePlace {
    index: usize,
    name: String,
    order: Option<DateOrder>,
}

impl FeedRows {
    /// Opens a file. Without `feed`, the key is the column with the name of the definition's key, if the
    /// file has it.
    ///
    /// # Errors
    /// The file cannot be read, or lacks a column.
    pub fn open(
        path: &Path,
        definition: &'static Definition,
        feed: Option<&Feed>,
    ) -> Result<Self, RowsError> {
        let mut rows = CsvRows::open(path)?;
        let key = match feed {
            Some(feed) => feed
                .key
                .as_deref()
                .map(|key| place(&rows, key))
                .transpose()?,
            None => rows.column(&definition.key),
        };
        let mut columns = Vec::new();
        for column in definition.columns() {
            let found = rows
                .column(&column.name)
                .or_else(|| rows.column(&column.field));
            if found.is_none() && is_needed(definition, column) {
                place(&rows, &column.name)?;
            }
            columns.push(found);
        }
        let times = feed.map(|feed| &feed.times);
        let mut time = |column: fn(&FeedTimes) -> Option<&String>| {
            let name = times.and_then(column);
            name.map(|name| time_place(&mut rows, name)).transpose()
        };
        let places = Places {
            key,
            columns,
            measured_at: time(|times| times.measured_at.as_ref())?,
            actual_at: time(|times| times.actual_at.as_ref())?,
        };
        Ok(Self {
            definition,
            path: path.to_owned(),
            rows,
            places,
            number: 0,
            unusable: Unusable::default(),
        })
    }

    /// Another reader of the same file, before its first row.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn reopened(&self) -> Result<Self, CsvError> {
        Ok(Self {
            definition: self.definition,
            path: self.path.clone(),
            rows: CsvRows::open(&self.path)?,
            places: self.places.clone(),
            number: 0,
            unusable: Unusable::default(),
        })
    }

    /// The definition.
    pub fn definition(&self) -> &'static Definition {
        self.definition
    }

    /// The rows that were read and cannot be used.
    pub fn unusable(&self) -> &Unusable {
        &self.unusable
    }

    /// The format of the file.
    pub fn format(&self) -> Format {
        self.rows.format()
    }

    /// The next row that can be used; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn next_usable(&mut self) -> Result<Option<FeedRow>, CsvError> {
        while let Some(row) = self.rows.next() {
            self.number += 1;
            let (line, reason) = match row {
                Ok(row) => match self.usable(&row) {
                    Ok(row) => return Ok(Some(row)),
                    Err(reason) => (row.line, reason),
                },
                Err(CsvError::Row { line, reason, .. }) => (line, reason),
                Err(error) => return Err(error),
            };
            self.unusable.add(line, reason);
        }
        Ok(None)
    }

    /// Continues with the row at a position that this file has returned, which has this number.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn seek(&mut self, position: &Position, number: u64) -> Result<(), CsvError> {
        self.number = number - 1;
        self.rows.seek(position)
    }

    /// Continues with the first row.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn rewind(&mut self) -> Result<(), CsvError> {
        self.number = 0;
        self.unusable = Unusable::default();
        self.rows.rewind()
    }

    /// The file's name in errors.
    pub fn file(&self) -> &str {
        self.rows.file()
    }

    /// The row with its values, or why it cannot be used.
    fn usable(&self, row: &Row) -> Result<FeedRow, String> {
        let definition = self.definition;
        let key = match self.places.key {
            None => self.number.to_string(),
            Some(index) => match row.value(index) {
                Some(key) => key.to_owned(),
                None => return Err("the key is missing".to_owned()),
            },
        };
        let mut cells = Vec::with_capacity(self.places.columns.len());
        for (column, place) in definition.columns().iter().zip(&self.places.columns) {
            let value = place.and_then(|index| row.value(index));
            let cell = match value {
                Some(text) => cell(column, text, self.rows.format()).map(Some),
                None => Err(format!("`{}` is missing", column.name)),
            };
            match cell {
                Err(reason) if is_needed(definition, column) => return Err(reason),
                cell => cells.push(cell.unwrap_or_default()),
            }
        }
        let time =
            |place: &Option<TimePlace>| place.as_ref().map(|place| time_at(row, place)).transpose();
        let measured_at = time(&self.places.measured_at)?;
        let actual_at = time(&self.places.actual_at)?;
        if let (Some(place), true) = (&self.places.actual_at, actual_at < measured_at) {
            return Err(format!("`{}` is before the measurement", place.name));
        }
        Ok(FeedRow {
            line: row.line,
            number: self.number,
            key,
            cells,
            measured_at,
            actual_at,
            position: row.position().clone(),
        })
    }
}

/// Whether a row without this column is of no use.
fn is_needed(definition: &Definition, column: &Column) -> bool {
    let is = |other: &Column| other.name == column.name;
    definition.inputs().any(is) || is(definition.target()) || definition.group().is_some_and(is)
}

fn cell(column: &Column, text: &str, format: Format) -> Result<Cell, String> {
    let name = &column.name;
    if column.is_category() {
        return match level_fault(text) {
            Some(fault) => Err(format!("`{name}` {fault}")),
            None => Ok(Cell::Level(text.to_owned())),
        };
    }
    let number = format
        .number(text)
        .map_err(|fault| format!("`{name}` {fault}"))?;
    match column.number_fault(number) {
        Some(fault) => Err(format!("`{name}` {fault}")),
        None => Ok(Cell::Number(number)),
    }
}

fn time_at(row: &Row, place: &TimePlace) -> Result<EventTime, String> {
    let name = &place.name;
    let Some(text) = row.value(place.index) else {
        return Err(format!("`{name}` is missing"));
    };
    match times::parse(text, place.order) {
        None => Err(format!("`{name}` is not a time")),
        // A negative timestamp means "none" to Kafka.
        Some(time) if time.as_millis() < 0 => Err(format!("`{name}` is before 1970")),
        Some(time) => Ok(time),
    }
}

fn place(rows: &CsvRows<File>, name: &str) -> Result<usize, RowsError> {
    rows.column(name).ok_or_else(|| RowsError::Column {
        file: rows.file().to_owned(),
        reason: format!(
            "the header has no column `{name}`; it has {}",
            rows.header().join(", ")
        ),
    })
}

/// Finds a column of times and, if its dates have slashes, the order of day and month.
fn time_place(rows: &mut CsvRows<File>, name: &str) -> Result<TimePlace, RowsError> {
    let index = place(rows, name)?;
    let mut order = None;
    let mut is_ambiguous = false;
    for row in rows.by_ref() {
        let row = match row {
            Ok(row) => row,
            Err(CsvError::Row { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let Some(cell) = row.value(index) else {
            continue;
        };
        match times::order_hint(cell) {
            OrderHint::NotSlashed if !is_ambiguous => break,
            OrderHint::NotSlashed => {}
            OrderHint::Either => is_ambiguous = true,
            OrderHint::Only(only) => {
                order = Some(only);
                break;
            }
        }
    }
    rows.rewind()?;
    if is_ambiguous && order.is_none() {
        return Err(RowsError::Column {
            file: rows.file().to_owned(),
            reason: format!(
                "day and month of `{name}` cannot be told apart; write dates as 2024-01-31"
            ),
        });
    }
    Ok(TimePlace {
        index,
        name: name.to_owned(),
        order,
    })
}

/// Finds keys that occur twice.
#[derive(Debug, Default)]
pub struct Keys {
    /// The line of each key's hash.
    lines: HashMap<u64, u64>,
}

impl Keys {
    /// Adds a key; the line of an earlier row with it, if there is one.
    pub fn add(&mut self, key: &str, line: u64) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        match self.lines.entry(hasher.finish()) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(line);
                None
            }
        }
    }
}

impl FeedRow {
    /// The value of the record of what is known first: the key, all columns but the target, and the time.
    pub fn measured(&self, definition: &Definition, at: EventTime) -> Vec<u8> {
        let columns = definition.columns().iter().zip(&self.cells);
        let known_first = columns.filter(|(column, _)| column.name != definition.target().name);
        self.record(definition, known_first, at)
    }

    /// The value of the record of the actual value: the key, the group, the target, and the time.
    pub fn actual(&self, definition: &Definition, at: EventTime) -> Vec<u8> {
        let is_sent = |column: &Column| {
            let group = definition.group();
            column.name == definition.target().name
                || group.is_some_and(|group| group.name == column.name)
        };
        let columns = definition.columns().iter().zip(&self.cells);
        self.record(
            definition,
            columns.filter(|(column, _)| is_sent(column)),
            at,
        )
    }

    fn record<'a>(
        &self,
        definition: &Definition,
        columns: impl Iterator<Item = (&'a Column, &'a Option<Cell>)>,
        at: EventTime,
    ) -> Vec<u8> {
        let mut fields = Map::new();
        fields.insert(definition.key.clone(), Value::from(self.key.as_str()));
        for (column, cell) in columns {
            let value = match cell {
                None => Value::Null,
                Some(Cell::Number(number)) => Value::from(*number),
                Some(Cell::Level(level)) => Value::from(level.as_str()),
            };
            fields.insert(column.field.clone(), value);
        }
        fields.insert("Timestamp".to_owned(), Value::from(at.to_string()));
        Value::Object(fields).to_string().into_bytes()
    }
}
