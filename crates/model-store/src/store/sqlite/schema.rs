//! The tables. Each has a primary key `_id`, some columns to query by, and the complete document as
//! JSON. The program reads the document; the columns serve queries and other tools.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::{StoreError, store_error};

/// The format of the file, stored in its `user_version`.
const SCHEMA_VERSION: i64 = 1;
/// How long a call waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Delay between attempts where SQLite's own busy timeout does not apply.
const RETRY: Duration = Duration::from_millis(5);

/// The columns of `Weight.TrainingData` besides `_id` and `document`: name and SQL type. A column is
/// null if the document has no value of that type.
pub(super) const TRAINING_COLUMNS: [(&str, &str); 11] = [
    ("Key", "TEXT"),
    ("Fish_Id", "TEXT"),
    ("Species", "TEXT"),
    ("Length", "REAL"),
    ("Height", "REAL"),
    ("PredictedWeight", "REAL"),
    ("ActualWeight", "REAL"),
    ("Error", "REAL"),
    ("ModelTime", "TEXT"),
    ("ModelVersion", "TEXT"),
    ("Timestamp", "TEXT"),
];

/// SQL condition: a trigger caused the log entry.
pub(super) const IS_TRIGGERED: &str = "json_extract(document, '$.Cause.Trigger') IS NOT NULL";
/// The fields that identify a trigger across redeliveries.
pub(super) const TRIGGER_IDENTITY: [&str; 3] = [
    "json_extract(document, '$.Cause.Trigger.ModelVersion')",
    "json_extract(document, '$.Cause.Trigger.Fish_Id_Start')",
    "json_extract(document, '$.Cause.Trigger.Fish_Id_End')",
];

/// Creates missing tables and indexes.
pub(super) fn prepare(connection: &Connection) -> Result<(), StoreError> {
    prepare_file(connection).map_err(store_error)?;
    known_version(connection)?;
    connection.execute_batch(&tables()).map_err(store_error)
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

fn tables() -> String {
    let identity = TRIGGER_IDENTITY.join(", ");
    let columns: String = TRAINING_COLUMNS
        .iter()
        .map(|(name, kind)| format!("\"{name}\" {kind}, "))
        .collect();
    format!(
        r#"
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS TrainingData (_id TEXT PRIMARY KEY NOT NULL, {columns} document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS TrainingData_newest ON TrainingData ("Timestamp", _id);
CREATE INDEX IF NOT EXISTS TrainingData_species ON TrainingData (Species, "Timestamp", _id);
CREATE INDEX IF NOT EXISTS TrainingData_fish ON TrainingData (Fish_Id);
CREATE TABLE IF NOT EXISTS Models (
    _id TEXT PRIMARY KEY NOT NULL, Trained TEXT NOT NULL, Formula TEXT NOT NULL,
    "Rows" INTEGER NOT NULL, LooError REAL NOT NULL, document TEXT NOT NULL, TrainingRows TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS Models_newest ON Models (Trained, _id);
CREATE TABLE IF NOT EXISTS Decisions (
    _id INTEGER PRIMARY KEY NOT NULL, ModelVersion TEXT NOT NULL, Verdict TEXT NOT NULL,
    Time TEXT NOT NULL, Pinned INTEGER NOT NULL, Reason TEXT NOT NULL, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS Decisions_version ON Decisions (ModelVersion);
CREATE INDEX IF NOT EXISTS Decisions_verdict ON Decisions (Verdict, _id, Time, ModelVersion);
CREATE INDEX IF NOT EXISTS Decisions_trigger ON Decisions ({identity}) WHERE {IS_TRIGGERED};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;"#
    )
}
