//! The rows that the first model is trained on.

use std::path::Path;

use pipeline::EventTime;
use service_runtime::UsageError;
use service_runtime::table::{self, Row, WrongLine, positive};

use crate::cause::Cause;
use crate::features::TrainingRow;
use crate::version::Version;

/// 100 salmon, measured and weighed.
const SALMON: &str = include_str!("../../../data/salmon-100.csv");

/// Rows that one version may hold.
const MAX_ROWS: usize = 50_000;

/// The file's columns; others are ignored, the order is free.
const COLUMNS: [&str; 4] = ["species", "length", "height", "weight"];

/// Trains the first version: on the file, or on the shipped 100 salmon.
///
/// # Errors
/// A file that cannot be read, a line that cannot be trained on, rows that do not make a model.
pub fn first_version(file: Option<&Path>) -> Result<Version, UsageError> {
    let (name, rows) = match file {
        None => ("the shipped rows".to_owned(), read(SALMON.as_bytes())),
        Some(path) => {
            let name = format!("--training-data {}", path.display());
            let file = std::fs::read(path)
                .map_err(|error| UsageError(format!("{name} cannot be read: {error}")))?;
            (name, read(&file))
        }
    };
    let rows = rows.map_err(|fault| UsageError(format!("{name}: {fault}")))?;
    Version::train(rows, 0, Cause::initial(), EventTime::now())
        .map_err(|error| UsageError(format!("{name}: {error}")))
}

fn read(file: &[u8]) -> Result<Vec<TrainingRow>, String> {
    let rows = table::read(file, COLUMNS).map_err(|wrong| wrong.to_string())?;
    match rows.len() {
        0 => Err(format!(
            "it holds no rows: after the line {} it needs one line for each fish",
            COLUMNS.join(",")
        )),
        1..=MAX_ROWS => rows
            .iter()
            .map(|row| {
                training_row(row).map_err(|reason| WrongLine::new(row.line, reason).to_string())
            })
            .collect(),
        _ => Err(format!("more than {MAX_ROWS} rows: take a part of them")),
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
    fn the_shipped_salmon_make_the_model_that_r_makes_of_them() {
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
    fn the_same_rows_are_the_same_version() {
        let (first, again) = (first_version(None).unwrap(), first_version(None).unwrap());
        assert_eq!(first.info.model_version, again.info.model_version);
    }

    #[test]
    fn a_file_as_a_spreadsheet_saves_it_is_read() {
        let text = "\u{feff}weight,species,note,length,height\r\n4,salmon,,80,18\r\n\r\n5, salmon ,x,90,19\r\n";
        let rows = read(text.as_bytes()).unwrap();
        let read: Vec<_> = rows
            .iter()
            .map(|row| (row.row_id.as_str(), row.species.as_str(), row.weight_kg))
            .collect();
        assert_eq!(read, [("line 2", "salmon", 4.0), ("line 4", "salmon", 5.0)]);
    }

    #[test]
    fn a_broken_file_is_refused_with_the_line_the_column_and_what_to_write() {
        let header = "species,length,height,weight\n";
        for (text, expected) in [
            ("", "it holds no rows: after the line species,length"),
            (
                "species,length,height\n",
                "has no column weight; it must be species,length,height,weight",
            ),
            (
                "species,species,length,height,weight\n",
                "the column species twice",
            ),
            (header, "it holds no rows"),
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
