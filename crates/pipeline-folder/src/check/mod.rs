//! Compares the files of a folder with each other.

mod connectors;
mod sql;

use std::fmt;

use csv_rows::CsvRows;
use pipeline::{Column, Definition};

use crate::{Folder, PipelineSql};

/// Something in which two files disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, and the line if it is known.
    pub place: String,
    /// What is wrong, and what is expected.
    pub text: String,
}

impl Problem {
    /// A problem of a file.
    pub fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// Everything in which the SQL, the connector files and the first rows disagree with the definition.
pub fn problems(folder: &Folder) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut sql_topics = Vec::new();
    match folder.sql(None) {
        Ok(sql) => sql_topics = sql_problems(folder.definition, &sql, &mut problems),
        Err(error) => problems.push(unreadable(&error)),
    }
    match folder.connectors(None) {
        Ok(files) => {
            connectors::check(folder.definition, &files, &sql_topics, &mut problems);
        }
        Err(error) => problems.push(unreadable(&error)),
    }
    first_rows(folder, &mut problems);
    problems
}

/// Everything in which this SQL disagrees with the definition. Returns the topics that it names.
pub fn sql_problems(
    definition: &Definition,
    sql: &PipelineSql,
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    sql::check(definition, sql.origin(), sql.text(), problems)
}

/// The error has the form `file: reason`.
fn unreadable(error: &service_runtime::UsageError) -> Problem {
    match error.0.split_once(": ") {
        Some((file, reason)) => Problem::new(file, reason),
        None => Problem::new("the folder", error.0.clone()),
    }
}

fn first_rows(folder: &Folder, problems: &mut Vec<Problem>) {
    let definition = folder.definition;
    let (file, content) = match folder.first_rows() {
        Ok(rows) => rows,
        Err(error) => {
            problems.push(unreadable(&error));
            return;
        }
    };
    let rows = match CsvRows::from_bytes(file.clone(), content) {
        Ok(rows) => rows,
        Err(error) => {
            problems.push(Problem::new(file, error.to_string()));
            return;
        }
    };
    for column in needed(definition) {
        if rows.column(&column.name).is_none() {
            let (name, header) = (&column.name, rows.header().join(", "));
            let text = format!("the header has no column `{name}`; it has {header}");
            problems.push(Problem::new(file.clone(), text));
        }
    }
    if rows.count() == 0 {
        problems.push(Problem::new(
            file,
            "has no rows to train the first model on",
        ));
    }
}

/// The columns that a training row needs.
fn needed(definition: &Definition) -> Vec<&Column> {
    let mut columns: Vec<&Column> = definition.inputs().chain(definition.group()).collect();
    columns.push(definition.target());
    let mut seen: Vec<&str> = Vec::new();
    columns.retain(|column| {
        let is_new = !seen.contains(&column.name.as_str());
        seen.push(&column.name);
        is_new
    });
    columns
}
