//! The rows that the first model is trained on.

use std::path::Path;

use messages::EventTime;
use serde::Deserialize;
use service_runtime::UsageError;

use crate::cause::Cause;
use crate::features::TrainingRow;
use crate::version::Version;

/// 100 salmon, measured and weighed.
const SALMON: &str = include_str!("../../../data/salmon-100.csv");

/// Rows that one version may hold.
const MAX_ROWS: usize = 50_000;

/// A line of the file; other columns are ignored.
#[derive(Deserialize)]
struct Line {
    species: String,
    length: f64,
    height: f64,
    weight: f64,
}

/// Trains the first version: on the file, or on the shipped 100 salmon.
///
/// # Errors
/// A file that cannot be read, a line that cannot be trained on, rows that do not make a model.
pub fn first_version(file: Option<&Path>) -> Result<Version, UsageError> {
    let (name, rows) = match file {
        None => ("the shipped rows".to_owned(), read(SALMON.as_bytes())),
        Some(path) => {
            let name = format!("--training-data {}", path.display());
            let file = std::fs::File::open(path)
                .map_err(|error| UsageError(format!("{name} cannot be read: {error}")))?;
            (name, read(std::io::BufReader::new(file)))
        }
    };
    let rows = rows.map_err(|fault| UsageError(format!("{name}: {fault}")))?;
    Version::train(rows, 0, Cause::initial(), EventTime::now())
        .map_err(|error| UsageError(format!("{name}: {error}")))
}

fn read(input: impl std::io::Read) -> Result<Vec<TrainingRow>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(input);
    let columns = reader.headers().map_err(|error| error.to_string())?.clone();
    for column in ["species", "length", "height", "weight"] {
        if !columns.iter().any(|name| name == column) {
            return Err(format!(
                "the first line lacks the column `{column}`: write species,length,height,weight"
            ));
        }
    }
    let mut rows = Vec::new();
    for record in reader.into_records() {
        let record = record.map_err(|error| error.to_string())?;
        let number = record.position().map_or(0, csv::Position::line);
        let line: Line = record
            .deserialize(Some(&columns))
            .map_err(|error| format!("line {number}: {}", column_fault(&error, &columns)))?;
        let row = TrainingRow {
            row_id: format!("line {number}"),
            species: line.species,
            length_cm: line.length,
            height_cm: line.height,
            weight_kg: line.weight,
            timestamp: None,
        };
        rows.push(
            row.checked()
                .map_err(|fault| format!("line {number}: {fault}"))?,
        );
        if rows.len() > MAX_ROWS {
            return Err(format!("more than {MAX_ROWS} rows: take a part of them"));
        }
    }
    Ok(rows)
}

fn column_fault(error: &csv::Error, columns: &csv::StringRecord) -> String {
    if let csv::ErrorKind::Deserialize { err, .. } = error.kind()
        && let Some(column) = err
            .field()
            .and_then(|index| columns.get(usize::try_from(index).ok()?))
    {
        return format!("column `{column}`: {}", err.kind());
    }
    error.to_string()
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
    fn a_broken_line_is_refused_with_its_number_and_column() {
        for (text, expected) in [
            ("species,length,height\n", "lacks the column `weight`"),
            (
                "species,length,height,weight\nsalmon,80,18,4\nsalmon,long,18,4\n",
                "line 3: column `length`",
            ),
            (
                "species,length,height,weight\nsalmon,80,18,-4\n",
                "line 2: `ActualWeight` is not positive",
            ),
            ("species,length,height,weight\nsalmon,80,18\n", "line: 2"),
        ] {
            let fault = read(text.as_bytes()).unwrap_err();
            assert!(fault.contains(expected), "{fault}");
        }
    }
}
