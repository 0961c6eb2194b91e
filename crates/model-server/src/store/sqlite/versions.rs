//! Versions and decisions.

use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::schema::{IS_TRIGGERED, TRIGGER_IDENTITY};
use super::{StoreError, store_error};
use crate::cause::Trigger;
use crate::decision::{Decision, Verdict};
use crate::store::{DECISIONS, MODELS, Page};
use crate::version::{Version, VersionInfo};

/// What of a version is stored.
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
    /// Writes a version as it is stored.
    pub(super) fn of(version: &Version) -> Result<Self, StoreError> {
        let info = &version.info;
        let id = info.model_version.clone();
        Ok(Self {
            trained: info.trained.to_string(),
            formula: info.formula.clone(),
            rows: info.rows,
            loo_error: info.loo_error,
            document: write(MODELS, &id, info)?,
            training_rows: write(MODELS, &id, &version.training_rows)?,
            id,
        })
    }
}

/// Whether there is a version of this id.
pub(super) fn exists(connection: &Connection, id: &str) -> Result<bool, StoreError> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM Models WHERE _id = ?1)")
        .and_then(|mut select| select.query_row([id], |row| row.get(0)))
        .map_err(store_error)
}

/// Keeps a version; false where there is one of this id.
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
pub(super) fn get(connection: &Connection, id: &str) -> Result<Option<Version>, StoreError> {
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
    Ok(Some(Version {
        info: read(MODELS, id, &document)?,
        training_rows: read(MODELS, id, &rows)?,
    }))
}

/// A page of versions, newest first.
pub(super) fn list(connection: &Connection, page: Page) -> Result<Vec<VersionInfo>, StoreError> {
    let sql = "SELECT _id, document FROM Models ORDER BY Trained DESC, _id DESC LIMIT ?1 OFFSET ?2";
    documents(connection, MODELS, sql, params![page.limit, page.skip])
}

/// How many versions there are.
pub(super) fn count(connection: &Connection) -> Result<u64, StoreError> {
    connection
        .prepare_cached("SELECT count(*) FROM Models")
        .and_then(|mut select| select.query_row([], |row| row.get(0)))
        .map_err(store_error)
}

/// All versions' ids, oldest first.
pub(super) fn ids(connection: &Connection) -> Result<Vec<String>, StoreError> {
    texts(connection, "SELECT _id FROM Models ORDER BY Trained, _id")
}

/// The ids of versions without a decision, oldest first.
pub(super) fn undecided(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT _id FROM Models WHERE _id NOT IN (SELECT ModelVersion FROM Decisions) \
               ORDER BY Trained, _id";
    texts(connection, sql)
}

fn texts(connection: &Connection, sql: &str) -> Result<Vec<String>, StoreError> {
    let mut select = connection.prepare_cached(sql).map_err(store_error)?;
    let texts = select
        .query_map([], |row| row.get(0))
        .map_err(store_error)?;
    texts.map(|text| text.map_err(store_error)).collect()
}

/// Forgets a version.
pub(super) fn delete(connection: &Connection, id: &str) -> Result<(), StoreError> {
    connection
        .execute("DELETE FROM Models WHERE _id = ?1", [id])
        .map_err(store_error)?;
    Ok(())
}

/// Appends to the log; false where the number is taken.
pub(super) fn append(connection: &Connection, decision: &Decision) -> Result<bool, StoreError> {
    let document = write(DECISIONS, &decision.sequence.to_string(), decision)?;
    let inserted = connection
        .prepare_cached(
            "INSERT INTO Decisions (_id, ModelVersion, Verdict, Time, Pinned, Reason, document) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (_id) DO NOTHING",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                decision.sequence,
                decision.model_version,
                decision.verdict.name(),
                decision.time.to_string(),
                decision.pinned,
                decision.reason,
                document,
            ])
        });
    Ok(inserted.map_err(store_error)? > 0)
}

/// The log after a sequence number.
pub(super) fn decisions_after(
    connection: &Connection,
    sequence: u64,
) -> Result<Vec<Decision>, StoreError> {
    let sql = "SELECT _id, document FROM Decisions WHERE _id > ?1 ORDER BY _id";
    documents(connection, DECISIONS, sql, [sequence])
}

/// The last decisions on the versions whose ids are in a JSON array.
pub(super) fn decisions_on(
    connection: &Connection,
    ids: &str,
    limit: u32,
) -> Result<Vec<Decision>, StoreError> {
    let sql = "SELECT _id, document FROM Decisions \
               WHERE ModelVersion IN (SELECT value FROM json_each(?1)) ORDER BY _id DESC LIMIT ?2";
    let mut decisions = documents(connection, DECISIONS, sql, params![ids, limit])?;
    decisions.reverse();
    Ok(decisions)
}

/// The versions that were live at some moment since a time: those activated since, and the one that
/// was live then.
pub(super) fn live_since(connection: &Connection, time: &str) -> Result<Vec<String>, StoreError> {
    let mut select = connection
        .prepare_cached(
            "SELECT DISTINCT ModelVersion FROM Decisions WHERE Verdict = ?1 AND _id >= \
             (SELECT coalesce(max(_id), 0) FROM Decisions WHERE Verdict = ?1 AND Time < ?2)",
        )
        .map_err(store_error)?;
    let versions = select
        .query_map(params![Verdict::Activated.name(), time], |row| row.get(0))
        .map_err(store_error)?;
    versions.map(|id| id.map_err(store_error)).collect()
}

/// The last activations, newest first.
pub(super) fn last_activations(
    connection: &Connection,
    limit: u32,
) -> Result<Vec<Decision>, StoreError> {
    let sql = "SELECT _id, document FROM Decisions WHERE Verdict = ?1 ORDER BY _id DESC LIMIT ?2";
    documents(
        connection,
        DECISIONS,
        sql,
        params![Verdict::Activated.name(), limit],
    )
}

/// The log's end.
pub(super) fn last_decision(connection: &Connection) -> Result<Option<Decision>, StoreError> {
    let sql = "SELECT _id, document FROM Decisions ORDER BY _id DESC LIMIT 1";
    Ok(documents(connection, DECISIONS, sql, [])?.pop())
}

/// The decisions that a trigger caused, whenever it was delivered.
pub(super) fn decisions_caused_by(
    connection: &Connection,
    trigger: &Trigger,
) -> Result<Vec<Decision>, StoreError> {
    let [version, start, end] = TRIGGER_IDENTITY;
    let sql = format!(
        "SELECT _id, document FROM Decisions WHERE {IS_TRIGGERED} \
         AND {version} IS ?1 AND {start} IS ?2 AND {end} IS ?3 ORDER BY _id"
    );
    documents(
        connection,
        DECISIONS,
        &sql,
        params![
            trigger.model_version,
            trigger.fish_id_start,
            trigger.fish_id_end
        ],
    )
}

/// The documents that `sql` selects together with their ids.
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
    serde_json::from_str(text).map_err(|error| corrupt(collection, id, &error))
}

fn write<T: Serialize>(
    collection: &'static str,
    id: &str,
    value: &T,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| corrupt(collection, id, &error))
}

fn corrupt(collection: &'static str, id: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt {
        collection,
        id: id.to_owned(),
        reason: error.to_string(),
    }
}
