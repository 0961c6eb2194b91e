//! Reads test data and compares numbers.

use std::{collections::BTreeSet, path::PathBuf};

use regression::{Column, Table};
use serde::de::DeserializeOwned;

/// The cases in `tests/data`: rows in `NAME.csv`, R's results in `NAME.json`.
pub(crate) const CASES: [&str; 4] = [
    "salmon-100",
    "salmon-walleye-50",
    "three-species-50",
    "walleye-50",
];

pub(crate) fn data_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

pub(crate) fn text(name: &str) -> String {
    std::fs::read_to_string(data_file(name)).expect(name)
}

pub(crate) fn json<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&text(name)).expect(name)
}

/// The names of the JSON files in a folder of `tests/data`, without their extension.
pub(crate) fn json_files(folder: &str) -> BTreeSet<String> {
    std::fs::read_dir(data_file(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// A CSV file as a table, without rows that have an `NA`. A column is numeric if every field is a
/// number.
pub(crate) fn table(name: &str) -> Table {
    let mut reader = csv::Reader::from_path(data_file(name)).expect(name);
    let headers = reader.headers().expect(name).clone();
    let records: Vec<csv::StringRecord> = reader
        .records()
        .map(|record| record.expect(name))
        .filter(|record| record.iter().all(|field| field != "NA"))
        .collect();
    headers
        .iter()
        .enumerate()
        .fold(Table::new(), |table, (i, header)| {
            let fields = records.iter().map(|record| &record[i]);
            match fields
                .clone()
                .map(str::parse)
                .collect::<Result<Vec<f64>, _>>()
            {
                Ok(numbers) => table.with_numeric(header, numbers),
                Err(_) => table.with_text(header, fields),
            }
            .expect(header)
        })
}

/// Panics unless `actual` equals `expected` to a relative `tolerance`.
#[track_caller]
pub(crate) fn assert_close(actual: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (actual - expected).abs() / expected.abs();
    assert!(
        error <= tolerance,
        "{what}: {actual}, expected {expected}, off by {error:e}"
    );
}

/// The rows with these indices, in this order.
pub(crate) fn select(table: &Table, rows: &[usize]) -> Table {
    table
        .columns()
        .fold(Table::new(), |picked, (name, column)| {
            match column {
                Column::Numeric(values) => {
                    picked.with_numeric(name, rows.iter().map(|&row| values[row]))
                }
                Column::Text(values) => {
                    picked.with_text(name, rows.iter().map(|&row| values[row].as_str()))
                }
            }
            .unwrap()
        })
}
