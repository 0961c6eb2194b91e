//! The user's fish from a CSV file.

use std::collections::HashMap;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use csv_rows::{CsvError, CsvRows, Format, Row};

/// The file's columns, in any order and case. Other columns are ignored.
pub const COLUMNS: [&str; 5] = ["Fish_Id", "Species", "Length", "Height", "Weight"];

/// One line of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct InputFish {
    /// Its id.
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

/// Why a file of fish is rejected.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// It cannot be read as CSV.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// The header or a line is invalid.
    #[error("{file}, line {line}: {reason}")]
    Line {
        /// The file.
        file: String,
        /// The line, the first of the file being line 1.
        line: u64,
        /// What is wrong with it, and what is expected.
        reason: String,
    },
    /// It has no line after the header.
    #[error("{} contains no fish: expected a line for each fish after the header {}", path.display(), COLUMNS.join(","))]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Reads all fish of the file at `path`.
///
/// # Errors
/// If the file cannot be read or a line is invalid; the error names both.
pub fn read(path: &Path) -> Result<Vec<InputFish>, InputError> {
    let fish = parse(CsvRows::open(path)?)?;
    if fish.is_empty() {
        return Err(InputError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(fish)
}

fn parse<R: Read + Seek>(rows: CsvRows<R>) -> Result<Vec<InputFish>, InputError> {
    let file = rows.file().to_owned();
    let wrong = |line, reason| InputError::Line {
        file: file.clone(),
        line,
        reason,
    };
    let places = places(&rows).map_err(|reason| wrong(1, reason))?;
    let format = rows.format();
    let mut fish = Vec::new();
    let mut lines = HashMap::new();
    for row in rows {
        let row = row?;
        let one = one_fish(&row, &places, format).map_err(|reason| wrong(row.line, reason))?;
        if let Some(first) = lines.insert(one.id.clone(), row.line) {
            let id = &one.id;
            let reason =
                format!("Fish_Id `{id}` is already on line {first}; give each fish its own id");
            return Err(wrong(row.line, reason));
        }
        fish.push(one);
    }
    Ok(fish)
}

/// The positions of the columns in the header.
fn places<R: Read + Seek>(rows: &CsvRows<R>) -> Result<[usize; COLUMNS.len()], String> {
    let mut places = [0; COLUMNS.len()];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        *place = rows.column(name).ok_or_else(|| {
            let (expected, found) = (COLUMNS.join(","), rows.header().join(","));
            format!("the header has no column {name}; expected {expected}, got {found}")
        })?;
    }
    Ok(places)
}

fn one_fish(
    row: &Row,
    places: &[usize; COLUMNS.len()],
    format: Format,
) -> Result<InputFish, String> {
    let [id, species, length, height, weight] = places.map(|place| row.cell(place));
    if id.is_empty() {
        return Err("Fish_Id is empty; give each fish its own id".into());
    }
    if !(1..=64).contains(&species.chars().count()) {
        return Err("Species must have 1 to 64 characters".into());
    }
    let positive = |column: &str, cell: &str| match format.number(cell) {
        Ok(number) if number > 0.0 => Ok(number),
        _ => Err(format!(
            "{column} is `{cell}`; write a positive number, such as 4.52"
        )),
    };
    Ok(InputFish {
        id: id.to_owned(),
        species: species.to_owned(),
        length_cm: positive("Length", length)?,
        height_cm: positive("Height", height)?,
        weight_kg: positive("Weight", weight)?,
    })
}

#[cfg(test)]
mod tests;
