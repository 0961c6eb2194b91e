//! The training rows of the first model.

use std::path::Path;

use model_store::features::TrainingRow;
use model_store::{Cause, Version};
use pipeline::EventTime;
use service_runtime::UsageError;
use service_runtime::table::{self, Row, WrongLine, positive};

use crate::training::train_version;

/// Measurements and weights of 100 salmon.
const SALMON: &str = include_str!("../../../data/salmon-100.csv");

/// The most rows that one version may contain.
const MAX_ROWS: usize = 50_000;

/// The required columns, in any order. Other columns are ignored.
const COLUMNS: [&str; 4] = ["species", "length", "height", "weight"];

/// Trains the first version on the file, or on the built-in 100 salmon.
///
/// # Errors
/// The file cannot be read, a line is invalid, or the rows cannot be fitted.
pub fn first_version(file: Option<&Path>) -> Result<Version, UsageError> {
    let (name, rows) = match file {
        None => (
            "the built-in training data".to_owned(),
            read(SALMON.as_bytes()),
        ),
        Some(path) => {
            let name = format!("--training-data {}", path.display());
            let file = std::fs::read(path)
                .map_err(|error| UsageError(format!("{name} cannot be read: {error}")))?;
            (name, read(&file))
        }
    };
    let rows = rows.map_err(|fault| UsageError(format!("{name}: {fault}")))?;
    train_version(rows, 0, Cause::initial(), EventTime::now())
        .map_err(|error| UsageError(format!("{name}: {error}")))
}

fn read(file: &[u8]) -> Result<Vec<TrainingRow>, String> {
    let rows = table::read(file, COLUMNS).map_err(|wrong| wrong.to_string())?;
    match rows.len() {
        0 => Err(format!(
            "the file has no rows: write the header {} and one line per fish",
            COLUMNS.join(",")
        )),
        1..=MAX_ROWS => rows
            .iter()
            .map(|row| {
                training_row(row).map_err(|reason| WrongLine::new(row.line, reason).to_string())
            })
            .collect(),
        rows => Err(format!(
            "the file has {rows} rows, expected at most {MAX_ROWS}: remove some"
        )),
    }
}

fn training_row(row: &Row<4>) -> Result<TrainingRow, String> {
    let [species, length, height, weight] = &row.cells;
    let row = TrainingRow {
        row_id: format!("line {}", row.line),
        species: species.clone(),
        length_cm: positive("length", length)?,
        height_cm: positive("height", height)?,
        weight_kg: positive("weight", weight)?,
        timestamp: None,
    };
    row.checked().map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_of_the_built_in_salmon_agrees_with_r() {
        let version = first_version(None).unwrap();
        let r_squared = version.info.model.summary().r_squared;
        assert_eq!(format!("{r_squared:.4}"), "0.8326");
        assert_eq!(version.info.formula, "weight ~ length + height");
        assert_eq!(
            (version.info.rows, version.info.species),
            (100, vec!["salmon".to_owned()])
        );
    }

    #[test]
    fn the_same_rows_have_the_same_version_id() {
        let (first, again) = (first_version(None).unwrap(), first_version(None).unwrap());
        assert_eq!(first.info.model_version, again.info.model_version);
    }

    #[test]
    fn a_file_saved_by_a_spreadsheet_is_read() {
        let text = "\u{feff}weight,species,note,length,height\r\n4,salmon,,80,18\r\n\r\n5, salmon ,x,90,19\r\n";
        let rows = read(text.as_bytes()).unwrap();
        let read: Vec<_> = rows
            .iter()
            .map(|row| (row.row_id.as_str(), row.species.as_str(), row.weight_kg))
            .collect();
        assert_eq!(read, [("line 2", "salmon", 4.0), ("line 4", "salmon", 5.0)]);
    }

    #[test]
    fn an_invalid_file_is_rejected_with_line_and_column() {
        let header = "species,length,height,weight\n";
        for (text, expected) in [
            ("", "the file has no rows: write the header species,length"),
            (
                "species,length,height\n",
                "has no column weight; it must be species,length,height,weight",
            ),
            (
                "species,species,length,height,weight\n",
                "the column species twice",
            ),
            (header, "the file has no rows"),
            (
                &format!("{header}salmon,80,18,4\n\nsalmon,long,18,4\n"),
                "line 4: length is `long`; write a positive number",
            ),
            (
                &format!("{header}salmon,80,18,-4\n"),
                "line 2: weight is `-4`",
            ),
            (
                &format!("{header}salmon,80,NaN,4\n"),
                "line 2: height is `NaN`",
            ),
            (
                &format!("{header}salmon,80,18\n"),
                "line 2: has 3 fields where the header has 4",
            ),
            (&format!("{header},80,18,4\n"), "line 2: `Species` "),
        ] {
            let fault = read(text.as_bytes()).unwrap_err();
            assert!(fault.contains(expected), "{fault}");
        }
        let latin = [header.as_bytes(), b"l\xe4chs,80,18,4\n"].concat();
        let fault = read(&latin).unwrap_err();
        assert!(fault.contains("line 2: is not UTF-8"), "{fault}");
    }
}
