//! The tables. Each has a primary key `_id`, some columns to query by, and the complete document as
//! JSON. The program reads the document; the columns serve queries and other tools.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use pipeline::Definition;
use rusqlite::{Connection, ErrorCode};

use super::rows_table::RowsTable;
use super::{StoreError, store_error, strings};

/// The format of the file, stored in its `user_version`.
const SCHEMA_VERSION: i64 = 1;
/// How long a call waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Delay between attempts where SQLite's own busy timeout does not apply.
const RETRY: Duration = Duration::from_millis(5);

/// SQL condition: a trigger caused the log entry.
pub(super) const IS_TRIGGERED: &str = "json_extract(document, '$.Cause.Trigger') IS NOT NULL";
/// The version that a trigger names.
pub(super) const TRIGGER_VERSION: &str = "json_extract(document, '$.Cause.Trigger.ModelVersion')";

/// Creates missing tables, columns and indexes, in one transaction.
pub(super) fn prepare(
    connection: &Connection,
    rows: &RowsTable,
    definition: &Definition,
) -> Result<(), StoreError> {
    prepare_file(connection).map_err(store_error)?;
    known_version(connection)?;
    connection
        .execute_batch(&format!("BEGIN IMMEDIATE;{}", rows.create_sql()))
        .map_err(store_error)?;
    add_missing_columns(connection, rows)?;
    connection
        .execute_batch(&format!(
            "{}{}",
            rows.index_sql(definition),
            version_tables()
        ))
        .map_err(store_error)
}

/// Adds columns that a file lacks because the pipeline had other columns when it was created.
fn add_missing_columns(connection: &Connection, rows: &RowsTable) -> Result<(), StoreError> {
    // SQLite compares names without regard to the case of ASCII letters only.
    let sql = "SELECT lower(name) FROM pragma_table_info(?1)";
    let existing: HashSet<String> = strings(connection, sql, [&rows.name])?
        .into_iter()
        .collect();
    for column in &rows.columns {
        if !existing.contains(&column.name.to_ascii_lowercase()) {
            connection
                .execute_batch(&rows.add_column_sql(column))
                .map_err(store_error)?;
        }
    }
    Ok(())
}

/// Checks that a file opened to read only is a store.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT).map_err(store_error)?;
    if known_version(connection)? == 0 {
        let reason =
            "the file is not a store: start the model server on it first, or name another file";
        return Err(StoreError::Failed(reason.into()));
    }
    Ok(())
}

/// The format of the file; 0 if it is new.
fn known_version(connection: &Connection) -> Result<i64, StoreError> {
    let version: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(store_error)?;
    if version > SCHEMA_VERSION {
        return Err(StoreError::Failed(
            format!(
                "the file's format is {version}, expected at most {SCHEMA_VERSION}: \
                 use the release that wrote it, or another file"
            )
            .into(),
        ));
    }
    Ok(version)
}

fn prepare_file(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // With WAL, readers such as R do not block the writer, and a killed process leaves a consistent file.
    write_ahead(connection)?;
    connection.pragma_update(None, "synchronous", "NORMAL")
}

/// Switches a file to the write-ahead log. If several connections do so at the same time, SQLite
/// fails all but one immediately to avoid a deadlock, regardless of the busy timeout.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                thread::sleep(RETRY);
            }
            result => return result,
        }
    }
}

/// The other tables, and the end of the transaction.
fn version_tables() -> String {
    format!(
        r#"
CREATE TABLE IF NOT EXISTS Models (
    _id TEXT PRIMARY KEY NOT NULL, Trained TEXT NOT NULL, Formula TEXT NOT NULL,
    "Rows" INTEGER NOT NULL, LooError REAL NOT NULL, document TEXT NOT NULL, TrainingRows TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS Models_newest ON Models (Trained, _id);
CREATE TABLE IF NOT EXISTS Decisions (
    _id INTEGER PRIMARY KEY NOT NULL, ModelVersion TEXT NOT NULL, Verdict TEXT NOT NULL,
    Time TEXT NOT NULL, Pinned INTEGER NOT NULL, Reason TEXT NOT NULL, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS Decisions_version ON Decisions (ModelVersion);
CREATE INDEX IF NOT EXISTS Decisions_verdict ON Decisions (Verdict, _id, Time, ModelVersion);
CREATE INDEX IF NOT EXISTS Decisions_trigger ON Decisions ({TRIGGER_VERSION}) WHERE {IS_TRIGGERED};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;"#
    )
}
