//! Versions and the decision log.

use pipeline::Definition;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::schema::{IS_TRIGGERED, TRIGGER_VERSION};
use super::{StoreError, store_error, strings};
use crate::cause::Trigger;
use crate::features::TrainingRow;
use crate::log_entry::{LogEntry, TrainingOutcome};
use crate::store::{DECISIONS, MAX_SAME_VERSION, MODELS, Page};
use crate::version::{Version, VersionInfo};

/// A version in its stored form.
pub(super) struct VersionRow {
    id: String,
    trained: String,
    formula: String,
    rows: u64,
    loo_error: f64,
    document: String,
    training_rows: String,
}

impl VersionRow {
    pub(super) fn of(definition: &Definition, version: &Version) -> Result<Self, StoreError> {
        let info = &version.info;
        let rows = version.training_rows.iter();
        let rows: Vec<_> = rows.map(|row| row.to_stored(definition)).collect();
        let id = info.model_version.clone();
        Ok(Self {
            trained: info.trained.to_string(),
            formula: info.formula.clone(),
            rows: info.rows,
            loo_error: info.loo_error,
            document: write(MODELS, &id, info)?,
            training_rows: write(MODELS, &id, &rows)?,
            id,
        })
    }
}

/// Whether a version with this id exists.
pub(super) fn exists(connection: &Connection, id: &str) -> Result<bool, StoreError> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM Models WHERE _id = ?1)")
        .and_then(|mut select| select.query_row([id], |row| row.get(0)))
        .map_err(store_error)
}

/// Inserts a version; false if one with this id exists.
pub(super) fn insert(connection: &Connection, version: &VersionRow) -> Result<bool, StoreError> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO Models (_id, Trained, Formula, \"Rows\", LooError, document, TrainingRows) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (_id) DO NOTHING",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                version.id,
                version.trained,
                version.formula,
                version.rows,
                version.loo_error,
                version.document,
                version.training_rows,
            ])
        });
    Ok(inserted.map_err(store_error)? > 0)
}

/// A version with its rows.
pub(super) fn get(
    connection: &Connection,
    definition: &Definition,
    id: &str,
) -> Result<Option<Version>, StoreError> {
    let found = connection
        .prepare_cached("SELECT document, TrainingRows FROM Models WHERE _id = ?1")
        .and_then(|mut select| {
            select.query_row([id], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })
        })
        .optional()
        .map_err(store_error)?;
    let Some((document, rows)) = found else {
        return Ok(None);
    };
    let rows: Vec<serde_json::Value> = read(MODELS, id, &rows)?;
    let rows = rows
        .iter()
        .map(|row| TrainingRow::from_stored(definition, row));
    Ok(Some(Version {
        info: read(MODELS, id, &document)?,
        training_rows: rows
            .collect::<Result<_, _>>()
            .map_err(|error| corrupt(MODELS, id, error))?,
    }))
}

/// A page of versions, newest first.
pub(super) fn list(connection: &Connection, page: Page) -> Result<Vec<VersionInfo>, StoreError> {
    let sql = "SELECT _id, document FROM Models ORDER BY Trained DESC, _id DESC LIMIT ?1 OFFSET ?2";
    documents(connection, MODELS, sql, params![page.limit, page.skip])
}

pub(super) fn count(connection: &Connection) -> Result<u64, StoreError> {
    connection
        .prepare_cached("SELECT count(*) FROM Models")
        .and_then(|mut select| select.query_row([], |row| row.get(0)))
        .map_err(store_error)
}

pub(super) fn ids(connection: &Connection) -> Result<Vec<String>, StoreError> {
    strings(
        connection,
        "SELECT _id FROM Models ORDER BY Trained, _id",
        [],
    )
}

pub(super) fn undecided(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT _id FROM Models WHERE _id NOT IN (SELECT ModelVersion FROM Decisions) \
               ORDER BY Trained, _id";
    strings(connection, sql, [])
}

pub(super) fn delete(connection: &Connection, id: &str) -> Result<(), StoreError> {
    connection
        .execute("DELETE FROM Models WHERE _id = ?1", [id])
        .map_err(store_error)?;
    Ok(())
}

/// Appends to the log; false if the sequence number is taken.
pub(super) fn append(connection: &Connection, entry: &LogEntry) -> Result<bool, StoreError> {
    let document = write(DECISIONS, &entry.sequence.to_string(), entry)?;
    let inserted = connection
        .prepare_cached(
            "INSERT INTO Decisions (_id, ModelVersion, Verdict, Time, Pinned, Reason, document) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (_id) DO NOTHING",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                entry.sequence,
                entry.model_version,
                entry.outcome.name(),
                entry.time.to_string(),
                entry.pinned,
                entry.reason,
                document,
            ])
        });
    Ok(inserted.map_err(store_error)? > 0)
}

pub(super) fn entries_after(
    connection: &Connection,
    sequence: u64,
) -> Result<Vec<LogEntry>, StoreError> {
    let sql = "SELECT _id, document FROM Decisions WHERE _id > ?1 ORDER BY _id";
    documents(connection, DECISIONS, sql, [sequence])
}

/// The last log entries on the versions in a JSON array of ids, in order.
pub(super) fn entries_on(
    connection: &Connection,
    ids: &str,
    limit: u32,
) -> Result<Vec<LogEntry>, StoreError> {
    let sql = "SELECT _id, document FROM Decisions \
               WHERE ModelVersion IN (SELECT value FROM json_each(?1)) ORDER BY _id DESC LIMIT ?2";
    let mut entries = documents(connection, DECISIONS, sql, params![ids, limit])?;
    entries.reverse();
    Ok(entries)
}

pub(super) fn live_since(connection: &Connection, time: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT ModelVersion FROM Decisions WHERE Verdict = ?1 AND _id >= \
               (SELECT coalesce(max(_id), 0) FROM Decisions WHERE Verdict = ?1 AND Time < ?2)";
    strings(
        connection,
        sql,
        params![TrainingOutcome::Activated.name(), time],
    )
}

pub(super) fn last_activations(
    connection: &Connection,
    limit: u32,
) -> Result<Vec<LogEntry>, StoreError> {
    let sql = "SELECT _id, document FROM Decisions WHERE Verdict = ?1 ORDER BY _id DESC LIMIT ?2";
    documents(
        connection,
        DECISIONS,
        sql,
        params![TrainingOutcome::Activated.name(), limit],
    )
}

pub(super) fn last_entry(connection: &Connection) -> Result<Option<LogEntry>, StoreError> {
    let sql = "SELECT _id, document FROM Decisions ORDER BY _id DESC LIMIT 1";
    Ok(documents(connection, DECISIONS, sql, [])?.pop())
}

pub(super) fn entries_caused_by(
    connection: &Connection,
    trigger: &Trigger,
) -> Result<Vec<LogEntry>, StoreError> {
    let sql = format!(
        "SELECT _id, document FROM Decisions WHERE {IS_TRIGGERED} AND {TRIGGER_VERSION} IS ?1 \
         ORDER BY _id DESC LIMIT {MAX_SAME_VERSION}"
    );
    let mut entries: Vec<LogEntry> =
        documents(connection, DECISIONS, &sql, [trigger.model_version()])?;
    entries.retain(|entry| {
        let other = entry.cause.trigger.as_ref();
        other.is_some_and(|other| other.is_same(trigger))
    });
    entries.reverse();
    Ok(entries)
}

/// The documents that `sql` selects; its columns are `_id` and `document`.
fn documents<T: DeserializeOwned>(
    connection: &Connection,
    collection: &'static str,
    sql: &str,
    params: impl Params,
) -> Result<Vec<T>, StoreError> {
    let mut select = connection.prepare_cached(sql).map_err(store_error)?;
    let id_and_text = |row: &Row<'_>| {
        let id: rusqlite::types::Value = row.get(0)?;
        Ok((id, row.get::<_, String>(1)?))
    };
    let rows = select.query_map(params, id_and_text).map_err(store_error)?;
    rows.map(|row| {
        let (id, text) = row.map_err(store_error)?;
        let id = match id {
            rusqlite::types::Value::Text(id) => id,
            other => format!("{other:?}"),
        };
        read(collection, &id, &text)
    })
    .collect()
}

fn read<T: DeserializeOwned>(
    collection: &'static str,
    id: &str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| corrupt(collection, id, error))
}

fn write<T: Serialize>(
    collection: &'static str,
    id: &str,
    value: &T,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| corrupt(collection, id, error))
}

fn corrupt(collection: &str, id: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt {
        collection: collection.to_owned(),
        id: id.to_owned(),
        reason: error.to_string(),
    }
}
