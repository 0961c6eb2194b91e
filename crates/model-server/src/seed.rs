//! The training rows of the first model.

use std::borrow::Cow;
use std::path::Path;

use model_store::features::{TrainingRow, levels};
use model_store::{Cause, Version};
use pipeline::{Column, Definition, EventTime};
use pipeline_folder::Folder;
use service_runtime::UsageError;
use service_runtime::table::{self, WrongLine, positive};

use crate::training::{Skipped, train_version};

/// The most rows that one version may contain.
const MAX_ROWS: usize = 50_000;

/// Trains the first version on the file, or on the pipeline's first rows.
///
/// # Errors
/// The file cannot be read, a line is invalid, or the rows cannot be fitted.
pub fn first_version(folder: &Folder, file: Option<&Path>) -> Result<Version, UsageError> {
    let (name, rows) = match file {
        None => folder.first_rows()?,
        Some(path) => {
            let name = format!("--training-data {}", path.display());
            let file = std::fs::read(path)
                .map_err(|error| UsageError(format!("{name} cannot be read: {error}")))?;
            (name, Cow::Owned(file))
        }
    };
    let definition = folder.definition;
    let rows = read(definition, &rows).map_err(|fault| UsageError(format!("{name}: {fault}")))?;
    train_version(
        definition,
        rows,
        &Skipped::default(),
        Cause::initial(),
        EventTime::now(),
    )
    .map_err(|error| UsageError(format!("{name}: {error}")))
}

/// Reads the training rows in a CSV file. Its columns may be in any order; other columns are ignored.
fn read(definition: &Definition, file: &[u8]) -> Result<Vec<TrainingRow>, String> {
    let levels = levels(definition);
    let numbers = definition.numbers().chain([definition.target()]);
    let columns: Vec<&str> = levels
        .chain(numbers)
        .map(|column| column.name.as_str())
        .collect();
    let rows = table::read_columns(file, &columns).map_err(|wrong| wrong.to_string())?;
    match rows.len() {
        0 => Err(format!(
            "the file has no rows: write the header {} and one line per {}",
            columns.join(","),
            definition.record
        )),
        1..=MAX_ROWS => rows
            .into_iter()
            .map(|(line, cells)| {
                training_row(definition, line, cells)
                    .map_err(|reason| WrongLine::new(line, reason).to_string())
            })
            .collect(),
        rows => Err(format!(
            "the file has {rows} rows, expected at most {MAX_ROWS}: remove some"
        )),
    }
}

fn training_row(
    definition: &Definition,
    line: u64,
    mut levels: Vec<String>,
) -> Result<TrainingRow, String> {
    let mut numbers = levels.split_off(model_store::features::levels(definition).count());
    let target = numbers.pop().unwrap_or_default();
    let columns = definition.numbers();
    let row = TrainingRow {
        row_id: format!("line {line}"),
        levels: levels.into(),
        numbers: columns
            .zip(&numbers)
            .map(|(column, cell)| number(column, cell))
            .collect::<Result<_, _>>()?,
        target: number(definition.target(), &target)?,
        timestamp: None,
    };
    row.checked(definition).map_err(|fault| fault.to_string())
}

fn number(column: &Column, cell: &str) -> Result<f64, String> {
    if column.above() == Some(0.0) {
        return positive(&column.name, cell);
    }
    match cell.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!(
            "{} is `{cell}`; write a number, such as 4.52",
            column.name
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_version() -> Version {
        super::first_version(&Folder::shipped(), None).unwrap()
    }

    fn read(file: &[u8]) -> Result<Vec<TrainingRow>, String> {
        super::read(Definition::shipped(), file)
    }

    #[test]
    fn the_model_of_the_built_in_salmon_agrees_with_r() {
        let version = first_version();
        let r_squared = version.info.model.summary().r_squared;
        assert_eq!(format!("{r_squared:.4}"), "0.8326");
        assert_eq!(version.info.formula, "weight ~ length + height");
        assert_eq!(
            (version.info.rows, version.info.groups.join(",")),
            (100, "salmon".to_owned())
        );
    }

    #[test]
    fn the_same_rows_have_the_same_version_id() {
        let version = first_version().info.model_version;
        assert_eq!(version, first_version().info.model_version);
        // The id that earlier releases gave these rows.
        assert_eq!(version, "1a1fdeeaa59a");
    }

    #[test]
    fn a_file_saved_by_a_spreadsheet_is_read() {
        let text = "\u{feff}weight,species,note,length,height\r\n4,salmon,,80,18\r\n\r\n5, salmon ,x,90,19\r\n";
        let rows = read(text.as_bytes()).unwrap();
        let read: Vec<_> = rows
            .iter()
            .map(|row| (row.row_id.as_str(), row.levels[0].as_str(), row.target))
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
