//! Documents of any collection, and queries of `Weight.TrainingData`.

use rusqlite::types::ToSql;
use rusqlite::{Connection, TransactionBehavior, params, params_from_iter};
use serde_json::Value;

use super::schema::TRAINING_COLUMNS;
use super::{StoreError, store_error, strings};
use crate::store::{DATABASE, Page, TRAINING_DATA};

/// The name of a collection's table.
pub(super) fn table_name(database: &str, collection: &str) -> String {
    if database == DATABASE {
        collection.to_owned()
    } else {
        format!("{database}.{collection}")
    }
}

/// Replaces documents by id, in one transaction.
pub(super) fn replace(
    connection: &mut Connection,
    table: &str,
    documents: &[(String, Value)],
) -> Result<(), StoreError> {
    let columns: &[(&str, &str)] = if table == TRAINING_DATA {
        &TRAINING_COLUMNS
    } else {
        &[]
    };
    let quoted = format!("\"{}\"", table.replace('"', "\"\""));
    // A deferred transaction would fail without waiting if another process wrote after its first read.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(store_error)?;
    if columns.is_empty() {
        let table = format!(
            "CREATE TABLE IF NOT EXISTS {quoted} (_id TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL)"
        );
        transaction.execute(&table, []).map_err(store_error)?;
    }
    let names: String = columns
        .iter()
        .map(|(name, _)| format!(", \"{name}\""))
        .collect();
    let sql = format!(
        "INSERT OR REPLACE INTO {quoted} (_id, document{names}) VALUES (?, ?{})",
        ", ?".repeat(columns.len())
    );
    for (id, document) in documents {
        let text = document.to_string();
        let mut values: Vec<&dyn ToSql> = vec![id, &text];
        let cells: Vec<_> = columns
            .iter()
            .map(|(name, kind)| cell(document.get(name), kind))
            .collect();
        values.extend(cells.iter().map(|cell| cell as &dyn ToSql));
        transaction
            .prepare_cached(&sql)
            .and_then(|mut insert| insert.execute(params_from_iter(values)))
            .map_err(store_error)?;
    }
    transaction.commit().map_err(store_error)
}

/// The value if it has the column's type, otherwise null.
fn cell<'a>(value: Option<&'a Value>, kind: &str) -> rusqlite::types::ToSqlOutput<'a> {
    use rusqlite::types::{ToSqlOutput, ValueRef};
    ToSqlOutput::Borrowed(match (value, kind) {
        (Some(Value::String(text)), "TEXT") => ValueRef::Text(text.as_bytes()),
        (Some(Value::Number(number)), "REAL") => {
            number.as_f64().map_or(ValueRef::Null, ValueRef::Real)
        }
        _ => ValueRef::Null,
    })
}

/// A page of the training data, newest first.
pub(super) fn newest(
    connection: &Connection,
    species: Option<&str>,
    page: Page,
) -> Result<Vec<Value>, StoreError> {
    let filter = if species.is_some() {
        "WHERE Species = ?3"
    } else {
        "WHERE ?3 IS NULL"
    };
    let sql = format!(
        "SELECT _id, document FROM TrainingData {filter} \
         ORDER BY \"Timestamp\" DESC, _id DESC LIMIT ?1 OFFSET ?2"
    );
    let mut select = connection.prepare_cached(&sql).map_err(store_error)?;
    let rows = select
        .query_map(params![page.limit, page.skip, species], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .map_err(store_error)?;
    rows.map(|row| {
        let (id, text) = row.map_err(store_error)?;
        serde_json::from_str(&text).map_err(|error| StoreError::Corrupt {
            collection: TRAINING_DATA,
            id,
            reason: error.to_string(),
        })
    })
    .collect()
}

/// Which ids of a JSON array are rows of the training data.
pub(super) fn rows_among(connection: &Connection, ids: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT _id FROM TrainingData WHERE _id IN (SELECT value FROM json_each(?1))";
    strings(connection, sql, [ids])
}

/// Whether there is a row of this fish.
pub(super) fn has_fish(
    connection: &Connection,
    fish_id: &str,
    version: Option<&str>,
) -> Result<bool, StoreError> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM TrainingData \
             WHERE Fish_Id = ?1 AND (?2 IS NULL OR ModelVersion = ?2))",
        )
        .and_then(|mut select| select.query_row(params![fish_id, version], |row| row.get(0)))
        .map_err(store_error)
}
