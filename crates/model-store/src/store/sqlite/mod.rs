//! The embedded store: one SQLite file, which sqlite3, R and DuckDB can open.

mod documents;
mod rows_table;
mod schema;
mod versions;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pipeline::{Definition, EventTime};
use rusqlite::{Connection, ErrorCode, OpenFlags, Params};
use serde_json::Value;

use super::{Page, Store, StoreError};
use crate::cause::Trigger;
use crate::log_entry::LogEntry;
use crate::version::{Version, VersionInfo};
use rows_table::RowsTable;
use versions::VersionRow;

/// A store in one SQLite file. Clones share the connection.
///
/// When a call returns, its writes are in the write-ahead log and survive a crash of the process.
/// After a power failure the file is consistent but may lack the most recent writes.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    definition: &'static Definition,
    rows: Arc<RowsTable>,
    path: Arc<PathBuf>,
    connection: Arc<Mutex<Connection>>,
}

impl SqliteStore {
    /// Opens a pipeline's file, or creates it. Blocks for some milliseconds.
    ///
    /// # Errors
    /// The file cannot be opened or written, is not a database, or has the format of a later
    /// release.
    pub fn open(
        path: impl AsRef<Path>,
        definition: &'static Definition,
    ) -> Result<Self, StoreError> {
        let connection = Connection::open(&path).map_err(store_error)?;
        let rows = RowsTable::of(definition);
        schema::prepare(&connection, &rows, definition)?;
        Ok(Self::new(path.as_ref(), definition, rows, connection))
    }

    /// Opens an existing file to read only. Blocks for some milliseconds.
    ///
    /// # Errors
    /// The file does not exist, cannot be read, is not a store, or has the format of a later
    /// release.
    pub fn open_read_only(
        path: impl AsRef<Path>,
        definition: &'static Definition,
    ) -> Result<Self, StoreError> {
        // SQLite's own error for a missing file does not say that it is missing.
        let metadata =
            std::fs::metadata(&path).map_err(|error| StoreError::Failed(error.into()))?;
        if metadata.is_dir() {
            return Err(StoreError::Failed("it is a folder, expected a file".into()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).map_err(store_error)?;
        schema::check(&connection)?;
        let rows = RowsTable::of(definition);
        Ok(Self::new(path.as_ref(), definition, rows, connection))
    }

    fn new(
        path: &Path,
        definition: &'static Definition,
        rows: RowsTable,
        connection: Connection,
    ) -> Self {
        Self {
            definition,
            rows: Arc::new(rows),
            path: Arc::new(path.to_owned()),
            connection: Arc::new(Mutex::new(connection)),
        }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Inserts a document into a collection, or replaces the one with the same id. Idempotent.
    ///
    /// A collection of the pipeline's database is a table with the collection's name. In another
    /// database it is a table named `database.collection`. The table is created if it is missing.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn replace_one(
        &self,
        database: &str,
        collection: &str,
        id: &str,
        document: &Value,
    ) -> Result<(), StoreError> {
        let one = vec![(id.to_owned(), document.clone())];
        self.replace_many(database, collection, one).await
    }

    /// As [`replace_one`](Self::replace_one) for many documents, in one transaction.
    ///
    /// # Errors
    /// The file cannot be written. In that case no document is changed.
    pub async fn replace_many(
        &self,
        database: &str,
        collection: &str,
        documents: Vec<(String, Value)>,
    ) -> Result<(), StoreError> {
        let rows = Arc::clone(&self.rows);
        let (table, has_columns) = if database == self.definition.database {
            (collection.to_owned(), collection == rows.name)
        } else {
            (format!("{database}.{collection}"), false)
        };
        self.call(move |connection| {
            let columns = has_columns.then_some(&*rows.columns);
            documents::replace(connection, &table, columns, &documents)
        })
        .await
    }

    /// Runs `job` on a thread where blocking is allowed.
    async fn call<T, J>(&self, job: J) -> Result<T, StoreError>
    where
        T: Send + 'static,
        J: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        tokio::task::spawn_blocking(move || {
            // A panic in an earlier call rolled its transaction back, so the connection is usable.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            job(&mut connection)
        })
        .await
        .map_err(|panic| StoreError::Failed(panic.into()))?
    }
}

/// Classifies SQLite's errors as transient or permanent.
fn store_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure,
        ) => StoreError::Unavailable(error.into()),
        _ => StoreError::Failed(error.into()),
    }
}

/// The first column of the rows that `sql` selects.
fn strings(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<String>, StoreError> {
    let mut select = connection.prepare_cached(sql).map_err(store_error)?;
    let strings = select
        .query_map(params, |row| row.get(0))
        .map_err(store_error)?;
    strings.collect::<Result<_, _>>().map_err(store_error)
}

#[async_trait]
impl Store for SqliteStore {
    fn definition(&self) -> &'static Definition {
        self.definition
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        // `open` creates the tables and indexes.
        Ok(())
    }

    async fn newest_rows(&self, group: Option<&str>, page: Page) -> Result<Vec<Value>, StoreError> {
        let rows = Arc::clone(&self.rows);
        let column = self.definition.group().map(|group| &group.field);
        let group = column
            .zip(group)
            .map(|(column, group)| (rows.column_of(column), group.to_owned()));
        self.call(move |db| documents::newest(db, &rows, group, page))
            .await
    }

    async fn has_row(&self, key: &str, version: Option<&str>) -> Result<bool, StoreError> {
        let rows = Arc::clone(&self.rows);
        let column = rows.column_of(&self.definition.key);
        let (key, version) = (key.to_owned(), version.map(str::to_owned));
        self.call(move |db| documents::has_row(db, &rows, (&column, &key), version.as_deref()))
            .await
    }

    async fn rows_among(&self, ids: &[String]) -> Result<Vec<String>, StoreError> {
        let rows = Arc::clone(&self.rows);
        let ids = serde_json::Value::from(ids).to_string();
        self.call(move |db| documents::rows_among(db, &rows, &ids))
            .await
    }

    async fn insert_version(&self, version: &Version) -> Result<bool, StoreError> {
        // The version usually exists, and serializing its rows is expensive.
        let id = version.info.model_version.clone();
        if self.call(move |db| versions::exists(db, &id)).await? {
            return Ok(false);
        }
        let row = VersionRow::of(self.definition, version)?;
        self.call(move |db| versions::insert(db, &row)).await
    }

    async fn version(&self, id: &str) -> Result<Option<Version>, StoreError> {
        let (definition, id) = (self.definition, id.to_owned());
        self.call(move |db| versions::get(db, definition, &id))
            .await
    }

    async fn versions(&self, page: Page) -> Result<Vec<VersionInfo>, StoreError> {
        self.call(move |db| versions::list(db, page)).await
    }

    async fn count_versions(&self) -> Result<u64, StoreError> {
        self.call(|db| versions::count(db)).await
    }

    async fn version_ids(&self) -> Result<Vec<String>, StoreError> {
        self.call(|db| versions::ids(db)).await
    }

    async fn undecided_versions(&self) -> Result<Vec<String>, StoreError> {
        self.call(|db| versions::undecided(db)).await
    }

    async fn delete_version(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.call(move |db| versions::delete(db, &id)).await
    }

    async fn append(&self, entry: &LogEntry) -> Result<bool, StoreError> {
        let entry = entry.clone();
        self.call(move |db| versions::append(db, &entry)).await
    }

    async fn entries_after(&self, sequence: u64) -> Result<Vec<LogEntry>, StoreError> {
        self.call(move |db| versions::entries_after(db, sequence))
            .await
    }

    async fn last_activations(&self, limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        self.call(move |db| versions::last_activations(db, limit))
            .await
    }

    async fn live_since(&self, time: EventTime) -> Result<Vec<String>, StoreError> {
        self.call(move |db| versions::live_since(db, &time.to_string()))
            .await
    }

    async fn last_entry(&self) -> Result<Option<LogEntry>, StoreError> {
        self.call(|db| versions::last_entry(db)).await
    }

    async fn entries_on(&self, versions: &[&str], limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        let ids = serde_json::json!(versions).to_string();
        self.call(move |db| versions::entries_on(db, &ids, limit))
            .await
    }

    async fn entries_caused_by(&self, trigger: &Trigger) -> Result<Vec<LogEntry>, StoreError> {
        let trigger = trigger.clone();
        self.call(move |db| versions::entries_caused_by(db, &trigger))
            .await
    }
}
