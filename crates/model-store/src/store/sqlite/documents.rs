//! Documents of any collection, and queries of the joined rows.

use rusqlite::types::ToSql;
use rusqlite::{Connection, TransactionBehavior, params, params_from_iter};
use serde_json::Value;

use super::rows_table::{RowColumn, RowsTable, quoted};
use super::{StoreError, store_error, strings};
use crate::store::Page;

/// Replaces documents by id, in one transaction. `columns` are those of the joined rows; for another table,
/// which is created if it is missing, there are none.
pub(super) fn replace(
    connection: &mut Connection,
    table: &str,
    columns: Option<&[RowColumn]>,
    documents: &[(String, Value)],
) -> Result<(), StoreError> {
    let quoted_table = quoted(table);
    // A deferred transaction would fail without waiting if another process wrote after its first read.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(store_error)?;
    if columns.is_none() {
        let table = format!(
            "CREATE TABLE IF NOT EXISTS {quoted_table} (_id TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL)"
        );
        transaction.execute(&table, []).map_err(store_error)?;
    }
    let columns = columns.unwrap_or_default();
    let names: String = columns
        .iter()
        .map(|column| format!(", {}", quoted(&column.name)))
        .collect();
    let sql = format!(
        "INSERT OR REPLACE INTO {quoted_table} (_id, document{names}) VALUES (?, ?{})",
        ", ?".repeat(columns.len())
    );
    for (id, document) in documents {
        let text = document.to_string();
        let mut values: Vec<&dyn ToSql> = vec![id, &text];
        let cells: Vec<_> = columns.iter().map(|column| column.cell(document)).collect();
        values.extend(cells.iter().map(|cell| cell as &dyn ToSql));
        transaction
            .prepare_cached(&sql)
            .and_then(|mut insert| insert.execute(params_from_iter(values)))
            .map_err(store_error)?;
    }
    transaction.commit().map_err(store_error)
}

/// A page of the joined rows, newest first; only those with `group` in its column, if given.
pub(super) fn newest(
    connection: &Connection,
    table: &RowsTable,
    group: Option<(String, String)>,
    page: Page,
) -> Result<Vec<Value>, StoreError> {
    let (filter, group) = match group {
        Some((column, group)) => (format!("WHERE {column} = ?3"), Some(group)),
        None => ("WHERE ?3 IS NULL".to_owned(), None),
    };
    let sql = format!(
        "SELECT _id, document FROM {} {filter} ORDER BY {} DESC, _id DESC LIMIT ?1 OFFSET ?2",
        quoted(&table.name),
        table.timestamp()
    );
    let mut select = connection.prepare_cached(&sql).map_err(store_error)?;
    let rows = select
        .query_map(params![page.limit, page.skip, group], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .map_err(store_error)?;
    rows.map(|row| {
        let (id, text) = row.map_err(store_error)?;
        serde_json::from_str(&text).map_err(|error| StoreError::Corrupt {
            collection: table.name.clone(),
            id,
            reason: error.to_string(),
        })
    })
    .collect()
}

/// Which ids of a JSON array are ids of joined rows.
pub(super) fn rows_among(
    connection: &Connection,
    table: &RowsTable,
    ids: &str,
) -> Result<Vec<String>, StoreError> {
    let table = quoted(&table.name);
    let sql = format!("SELECT _id FROM {table} WHERE _id IN (SELECT value FROM json_each(?1))");
    strings(connection, &sql, [ids])
}

/// Whether there is a row with this key in its column.
pub(super) fn has_row(
    connection: &Connection,
    table: &RowsTable,
    (column, key): (&str, &str),
    version: Option<&str>,
) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM {} WHERE {column} = ?1 AND (?2 IS NULL OR {} = ?2))",
        quoted(&table.name),
        table.model_version()
    );
    connection
        .prepare_cached(&sql)
        .and_then(|mut select| select.query_row(params![key, version], |row| row.get(0)))
        .map_err(store_error)
}
