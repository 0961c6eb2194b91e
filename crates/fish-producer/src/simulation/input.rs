//! The user's own fish, from a CSV file.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim};

/// The file's columns; others are ignored, the order is free.
pub const COLUMNS: [&str; 5] = ["Fish_Id", "Species", "Length", "Height", "Weight"];

/// One line of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct InputFish {
    /// Its id, as written.
    pub id: String,
    /// Its species, 1 to 64 characters.
    pub species: String,
    /// Length in centimetres, positive.
    pub length_cm: f64,
    /// Height in centimetres, positive.
    pub height_cm: f64,
    /// Weight in kilograms, positive.
    pub weight_kg: f64,
}

/// Why a file of fish cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// It cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        source: std::io::Error,
    },
    /// One line is wrong.
    #[error("{}, line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, the header being line 1.
        line: u64,
        /// What is wrong with it, and what should be there.
        reason: String,
    },
    /// There is a header and nothing else, or nothing at all.
    #[error("{} holds no fish: after the line {} it needs one line for each fish", path.display(), COLUMNS.join(","))]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// A line's number and what is wrong with it.
type Wrong = (u64, String);

/// Reads all fish of the file at `path`. A byte order mark and CRLF line ends do no harm.
///
/// # Errors
/// Where the file cannot be read or a line is wrong; the error names both.
pub fn read(path: &Path) -> Result<Vec<InputFish>, InputError> {
    let unreadable = |source| InputError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(unreadable)?;
    let fish = parse(&bytes).map_err(|(line, reason)| InputError::Line {
        path: path.to_owned(),
        line,
        reason,
    })?;
    if fish.is_empty() {
        return Err(InputError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(fish)
}

fn parse(bytes: &[u8]) -> Result<Vec<InputFish>, Wrong> {
    let mut reader = ReaderBuilder::new()
        .trim(Trim::All)
        .flexible(true)
        .from_reader(bytes);
    let header = reader.headers().map_err(not_text)?.clone();
    if header.is_empty() {
        return Ok(Vec::new());
    }
    let columns = columns(&header).map_err(|reason| (1, reason))?;
    let mut fish = Vec::new();
    let mut lines = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(not_text)?;
        let line = line_of(&record, bytes);
        let one = one_fish(&record, header.len(), columns).map_err(|reason| (line, reason))?;
        if let Some(first) = lines.insert(one.id.clone(), line) {
            let id = &one.id;
            let reason = format!(
                "Fish_Id `{id}` is already on line {first}; give each fish an id of its own"
            );
            return Err((line, reason));
        }
        fish.push(one);
    }
    Ok(fish)
}

/// Where each of [`COLUMNS`] is.
fn columns(header: &StringRecord) -> Result<[usize; 5], String> {
    let mut places = [0; 5];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        let mut found = header
            .iter()
            .enumerate()
            .filter(|(_, column)| *column == name);
        *place = match (found.next(), found.next()) {
            (Some((place, _)), None) => place,
            (Some(_), Some(_)) => return Err(format!("the header has the column {name} twice")),
            (None, _) => {
                return Err(format!(
                    "the header has no column {name}; it must be {}, separated by commas",
                    COLUMNS.join(",")
                ));
            }
        };
    }
    Ok(places)
}

fn one_fish(record: &StringRecord, width: usize, places: [usize; 5]) -> Result<InputFish, String> {
    if record.len() != width {
        let has = record.len();
        return Err(format!(
            "has {has} fields where the header has {width}; decimals are written with a point"
        ));
    }
    let [id, species, length, height, weight] = places.map(|place| &record[place]);
    if id.is_empty() {
        return Err("Fish_Id is empty".into());
    }
    if !(1..=64).contains(&species.chars().count()) {
        return Err("Species must have 1 to 64 characters".into());
    }
    Ok(InputFish {
        id: id.to_owned(),
        species: species.to_owned(),
        length_cm: positive("Length", length)?,
        height_cm: positive("Height", height)?,
        weight_kg: positive("Weight", weight)?,
    })
}

fn positive(name: &str, text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err(format!(
            "{name} is `{text}`; write a positive number, such as 4.52"
        )),
    }
}

/// The line on which a record begins. The reader's own count is of where it went on reading: in
/// front of blank lines that it then skipped.
fn line_of(record: &StringRecord, bytes: &[u8]) -> u64 {
    let Some(position) = record.position() else {
        return 0;
    };
    let rest = usize::try_from(position.byte())
        .ok()
        .and_then(|byte| bytes.get(byte..))
        .unwrap_or_default();
    let skipped = rest
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .filter(|byte| **byte == b'\n')
        .count();
    position.line() + skipped as u64
}

fn not_text(error: csv::Error) -> Wrong {
    let line = error.position().map_or(1, csv::Position::line);
    (
        line,
        format!("is not UTF-8 text ({error}); save the file as CSV in UTF-8"),
    )
}

#[cfg(test)]
mod tests;
