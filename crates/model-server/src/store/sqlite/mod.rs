//! The embedded store: one SQLite file that sqlite3, R and DuckDB open.

mod documents;
mod schema;
mod versions;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pipeline::EventTime;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use serde_json::Value;

use super::{Page, Store, StoreError};
use crate::cause::Trigger;
use crate::decision::Decision;
use crate::version::{Version, VersionInfo};
use versions::VersionRow;

/// A store in one SQLite file. Clones share the connection.
///
/// Writes are in the write-ahead log when a call returns: they survive the process's end at any
/// moment. After a power cut the file is whole, but may lack the last moments' writes.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    path: Arc<PathBuf>,
    connection: Arc<Mutex<Connection>>,
}

impl SqliteStore {
    /// Opens the file, makes it where there is none. Blocks for some milliseconds.
    ///
    /// # Errors
    /// Where the file cannot be opened or written, is no database, or was written by a later
    /// release.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let connection = Connection::open(&path).map_err(store_error)?;
        schema::prepare(&connection)?;
        Ok(Self {
            path: Arc::new(path.as_ref().to_owned()),
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Opens a file that is there, to read only: it stays as it is. Blocks for some milliseconds.
    ///
    /// # Errors
    /// Where there is no file, it cannot be read, is no store of this program, or was written by a
    /// later release.
    pub fn open_to_read(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        // SQLite's own word for a file that is not there is that it cannot be opened.
        let found = std::fs::metadata(&path).map_err(|error| StoreError::Failed(error.into()))?;
        if found.is_dir() {
            return Err(StoreError::Failed("it is a folder, and no file".into()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).map_err(store_error)?;
        schema::check(&connection)?;
        Ok(Self {
            path: Arc::new(path.as_ref().to_owned()),
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a document into a collection in the place of the one with the same id, if any: doing
    /// it twice is doing it once. The collection becomes a table named after it (outside the
    /// database `Weight`: `database.collection`), made where there is none.
    ///
    /// # Errors
    /// Where the file cannot be written.
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

    /// [`replace_one`](Self::replace_one) for many documents, in one transaction: all or none.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub async fn replace_many(
        &self,
        database: &str,
        collection: &str,
        documents: Vec<(String, Value)>,
    ) -> Result<(), StoreError> {
        let table = documents::table_name(database, collection);
        self.call(move |connection| documents::replace(connection, &table, &documents))
            .await
    }

    /// Runs `job` where blocking is allowed.
    async fn call<T, J>(&self, job: J) -> Result<T, StoreError>
    where
        T: Send + 'static,
        J: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        tokio::task::spawn_blocking(move || {
            // A panic in an earlier call rolled its transaction back; the connection is whole.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            job(&mut connection)
        })
        .await
        .map_err(|panic| StoreError::Failed(panic.into()))?
    }
}

/// Sorts SQLite's errors into those that pass and those that stay.
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

#[async_trait]
impl Store for SqliteStore {
    async fn prepare(&self) -> Result<(), StoreError> {
        // Opening did it.
        Ok(())
    }

    async fn newest_rows(
        &self,
        species: Option<&str>,
        page: Page,
    ) -> Result<Vec<Value>, StoreError> {
        let species = species.map(str::to_owned);
        self.call(move |db| documents::newest(db, species.as_deref(), page))
            .await
    }

    async fn has_fish(&self, fish_id: &str, version: Option<&str>) -> Result<bool, StoreError> {
        let (fish_id, version) = (fish_id.to_owned(), version.map(str::to_owned));
        self.call(move |db| documents::has_fish(db, &fish_id, version.as_deref()))
            .await
    }

    async fn rows_among(&self, ids: &[String]) -> Result<Vec<String>, StoreError> {
        let ids = serde_json::Value::from(ids).to_string();
        self.call(move |db| documents::rows_among(db, &ids)).await
    }

    async fn insert_version(&self, version: &Version) -> Result<bool, StoreError> {
        // Most are there already, and one has hundreds of rows to write.
        let id = version.info.model_version.clone();
        if self.call(move |db| versions::exists(db, &id)).await? {
            return Ok(false);
        }
        let row = VersionRow::of(version)?;
        self.call(move |db| versions::insert(db, &row)).await
    }

    async fn version(&self, id: &str) -> Result<Option<Version>, StoreError> {
        let id = id.to_owned();
        self.call(move |db| versions::get(db, &id)).await
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

    async fn append(&self, decision: &Decision) -> Result<bool, StoreError> {
        let decision = decision.clone();
        self.call(move |db| versions::append(db, &decision)).await
    }

    async fn decisions_after(&self, sequence: u64) -> Result<Vec<Decision>, StoreError> {
        self.call(move |db| versions::decisions_after(db, sequence))
            .await
    }

    async fn last_activations(&self, limit: u32) -> Result<Vec<Decision>, StoreError> {
        self.call(move |db| versions::last_activations(db, limit))
            .await
    }

    async fn live_since(&self, time: EventTime) -> Result<Vec<String>, StoreError> {
        self.call(move |db| versions::live_since(db, &time.to_string()))
            .await
    }

    async fn last_decision(&self) -> Result<Option<Decision>, StoreError> {
        self.call(|db| versions::last_decision(db)).await
    }

    async fn decisions_on(
        &self,
        versions: &[&str],
        limit: u32,
    ) -> Result<Vec<Decision>, StoreError> {
        let ids = serde_json::json!(versions).to_string();
        self.call(move |db| versions::decisions_on(db, &ids, limit))
            .await
    }

    async fn decisions_caused_by(&self, trigger: &Trigger) -> Result<Vec<Decision>, StoreError> {
        let trigger = trigger.clone();
        self.call(move |db| versions::decisions_caused_by(db, &trigger))
            .await
    }
}
