//! The user's fish from a CSV file.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use service_runtime::table::{self, Row, WrongLine, positive};

/// The file's columns, in any order. Other columns are ignored.
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
    /// It cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A line is invalid.
    #[error("{}, line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, the header being line 1.
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

/// Reads all fish of the file at `path`. A byte order mark and CRLF line ends are allowed.
///
/// # Errors
/// If the file cannot be read or a line is invalid; the error names both.
pub fn read(path: &Path) -> Result<Vec<InputFish>, InputError> {
    let unreadable = |source| InputError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(unreadable)?;
    let fish = parse(&bytes).map_err(|WrongLine { line, reason }| InputError::Line {
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

fn parse(bytes: &[u8]) -> Result<Vec<InputFish>, WrongLine> {
    let mut fish = Vec::new();
    let mut lines = HashMap::new();
    for row in table::read(bytes, COLUMNS)? {
        let one = one_fish(&row).map_err(|reason| WrongLine::new(row.line, reason))?;
        if let Some(first) = lines.insert(one.id.clone(), row.line) {
            let id = &one.id;
            let reason =
                format!("Fish_Id `{id}` is already on line {first}; give each fish its own id");
            return Err(WrongLine::new(row.line, reason));
        }
        fish.push(one);
    }
    Ok(fish)
}

fn one_fish(row: &Row<5>) -> Result<InputFish, String> {
    let [id, species, length, height, weight] = &row.cells;
    if id.is_empty() {
        return Err("Fish_Id is empty; give each fish its own id".into());
    }
    if !(1..=64).contains(&species.chars().count()) {
        return Err("Species must have 1 to 64 characters".into());
    }
    Ok(InputFish {
        id: id.clone(),
        species: species.clone(),
        length_cm: positive("Length", length)?,
        height_cm: positive("Height", height)?,
        weight_kg: positive("Weight", weight)?,
    })
}

#[cfg(test)]
mod tests;
