//! The store for several replicas: MongoDB, or a server that speaks its protocol.
//!
//! It relies on unique inserts on `_id` and single-document updates, which are atomic on every such
//! server. It uses no transactions and no change streams.

use std::future::{Future, IntoFuture};
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, deserialize_from_document, doc, serialize_to_document};
use mongodb::error::{Error, ErrorKind, RETRYABLE_WRITE_ERROR, WriteFailure};
use mongodb::options::{ClientOptions, ReadConcern, ReadPreference, WriteConcern};
use mongodb::{Client, Collection, Database, IndexModel};
use pipeline::{Definition, EventTime};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{DECISIONS, MAX_SAME_VERSION, MODELS, Page, Store, StoreError};
use crate::cause::Trigger;
use crate::features::TrainingRow;
use crate::log_entry::{LogEntry, TrainingOutcome};
use crate::version::{Version, VersionInfo};

/// Timeout for connecting and for selecting a server.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The server's error code for an insert with an `_id` that exists.
const DUPLICATE_KEY: i32 = 11_000;
/// The server's error codes for transient states: it starts, stops or changes its primary. From the
/// drivers' specification of retryable reads.
const TRANSIENT: [i32; 13] = [
    6, 7, 89, 91, 134, 189, 262, 9_001, 10_107, 11_600, 11_602, 13_435, 13_436,
];
/// The field of a log entry with the version that its trigger names.
const TRIGGER_VERSION: &str = "Cause.Trigger.ModelVersion";
/// The field of a version's document that contains its training rows.
const ROWS: &str = "TrainingRows";

/// A store on a MongoDB server. Connects on first use.
#[derive(Clone, Debug)]
pub struct MongoStore {
    definition: &'static Definition,
    database: Database,
}

impl MongoStore {
    /// A store at a connection string, with the data in the pipeline's database. The path in the string
    /// names the authentication database.
    ///
    /// The string cannot change the read and write concern or the read preference: writes wait for
    /// the majority, and reads go to the primary.
    ///
    /// # Errors
    /// The connection string is invalid, or MongoDB cannot query by a field of the pipeline.
    pub async fn at(uri: &str, definition: &'static Definition) -> Result<Self, StoreError> {
        Self::in_database(uri, definition, &definition.database).await
    }

    /// Like [`at`](Self::at), with the data in another database.
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub async fn in_database(
        uri: &str,
        definition: &'static Definition,
        database: &str,
    ) -> Result<Self, StoreError> {
        let group = definition.group().map(|group| &group.field);
        for field in group.into_iter().chain([&definition.key]) {
            if field.contains('.') || field.starts_with('$') {
                let reason = format!(
                    "MongoDB cannot query by the field `{field}` of pipeline.toml: \
                     rename the field, without `.` and without `$` at its start"
                );
                return Err(StoreError::Failed(reason.into()));
            }
        }
        let mut options = ClientOptions::parse(uri).await.map_err(store_error)?;
        options
            .app_name
            .get_or_insert_with(|| "catchweight model-server".into());
        options
            .server_selection_timeout
            .get_or_insert(SELECTION_TIMEOUT);
        options.connect_timeout.get_or_insert(SELECTION_TIMEOUT);
        // A change of the primary must not undo a decision.
        options.write_concern = Some(WriteConcern::majority());
        options.read_concern = Some(ReadConcern::majority());
        options.selection_criteria = Some(ReadPreference::Primary.into());
        let client = Client::with_options(options).map_err(store_error)?;
        Ok(Self {
            definition,
            database: client.database(database),
        })
    }

    /// The database that holds the data.
    pub fn database(&self) -> &Database {
        &self.database
    }

    fn rows(&self) -> Collection<Document> {
        self.collection(&self.definition.collection)
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    async fn find<T: DeserializeOwned>(
        &self,
        collection: &str,
        filter: Document,
        sort: Document,
        page: Page,
    ) -> Result<Vec<T>, StoreError> {
        let documents: Vec<Document> = with_timeout(async {
            let collection = self.collection(collection);
            let find = collection.find(filter).sort(sort);
            // Lists of versions do not need the many training rows.
            let find = find.projection(doc! { ROWS: 0 });
            find.skip(page.skip)
                .limit(i64::from(page.limit))
                .await?
                .try_collect()
                .await
        })
        .await?;
        documents
            .into_iter()
            .map(|document| read(collection, document))
            .collect()
    }

    /// Inserts a document; false if the id is taken.
    async fn insert(
        &self,
        collection: &'static str,
        id: impl Into<Bson>,
        mut document: Document,
    ) -> Result<bool, StoreError> {
        document.insert("_id", id);
        match with_timeout(
            self.collection(collection)
                .insert_one(document)
                .into_future(),
        )
        .await
        {
            Ok(_) => Ok(true),
            Err(StoreError::Failed(error)) if is_duplicate(&*error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A page without a limit.
const ALL: Page = Page { skip: 0, limit: 0 };

fn first(limit: u32) -> Page {
    Page { skip: 0, limit }
}

async fn with_timeout<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, StoreError> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(result) => result.map_err(store_error),
        Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
    }
}

/// Classifies the driver's errors as transient or permanent.
fn store_error(error: Error) -> StoreError {
    let is_transient = match &*error.kind {
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. } => true,
        ErrorKind::Command(command) => TRANSIENT.contains(&command.code),
        _ => false,
    } || error.contains_label(RETRYABLE_WRITE_ERROR);
    if is_transient {
        StoreError::Unavailable(error.into())
    } else {
        StoreError::Failed(error.into())
    }
}

/// The sequence number as BSON's signed integer.
fn sequence_number(sequence: u64) -> Result<i64, StoreError> {
    i64::try_from(sequence).map_err(|error| StoreError::Failed(error.into()))
}

fn is_duplicate(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let kind = error.downcast_ref::<Error>().map(|error| &*error.kind);
    matches!(kind, Some(ErrorKind::Write(WriteFailure::WriteError(write))) if write.code == DUPLICATE_KEY)
}

fn read<T: DeserializeOwned>(collection: &str, document: Document) -> Result<T, StoreError> {
    let id = document
        .get("_id")
        .map(ToString::to_string)
        .unwrap_or_default();
    deserialize_from_document(document).map_err(|error| StoreError::Corrupt {
        collection: collection.to_owned(),
        id,
        reason: error.to_string(),
    })
}

fn write<T: Serialize>(value: &T) -> Result<Document, StoreError> {
    serialize_to_document(value).map_err(|error| StoreError::Failed(error.into()))
}

#[async_trait]
impl Store for MongoStore {
    fn definition(&self) -> &'static Definition {
        self.definition
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        let rows = self.definition.collection.as_str();
        let group = self.definition.group().map(|group| {
            let keys = doc! { &group.field: 1, "Timestamp": 1, "_id": 1 };
            (rows, keys)
        });
        let indexes = [
            (rows, doc! { "Timestamp": 1, "_id": 1 }),
            (rows, doc! { &self.definition.key: 1 }),
            (MODELS, doc! { "Trained": 1, "_id": 1 }),
            (DECISIONS, doc! { "ModelVersion": 1 }),
            (DECISIONS, doc! { "Verdict": 1, "_id": 1 }),
            (DECISIONS, doc! { TRIGGER_VERSION: 1 }),
        ];
        for (collection, keys) in indexes.into_iter().chain(group) {
            let index = IndexModel::builder().keys(keys).build();
            with_timeout(
                self.collection(collection)
                    .create_index(index)
                    .into_future(),
            )
            .await?;
        }
        Ok(())
    }

    async fn newest_rows(&self, group: Option<&str>, page: Page) -> Result<Vec<Value>, StoreError> {
        let column = self.definition.group();
        let filter = column.zip(group).map_or(
            Document::new(),
            |(column, group)| doc! { &column.field: group },
        );
        let newest_first = doc! { "Timestamp": -1, "_id": -1 };
        self.find(&self.definition.collection, filter, newest_first, page)
            .await
    }

    async fn has_row(&self, key: &str, version: Option<&str>) -> Result<bool, StoreError> {
        // Other writers may store a key that is a number as a number.
        let mut keys = vec![Bson::from(key)];
        keys.extend(key.parse::<i64>().ok().map(Bson::from));
        let mut filter = doc! { &self.definition.key: { "$in": keys } };
        if let Some(version) = version {
            filter.insert("ModelVersion", version);
        }
        Ok(with_timeout(self.rows().find_one(filter).into_future())
            .await?
            .is_some())
    }

    async fn rows_among(&self, ids: &[String]) -> Result<Vec<String>, StoreError> {
        let found: Vec<Document> = with_timeout(async {
            let rows = self.rows();
            let find = rows.find(doc! { "_id": { "$in": ids } });
            find.projection(doc! { "_id": 1 })
                .await?
                .try_collect()
                .await
        })
        .await?;
        let ids = found.into_iter().filter_map(|row| match row.get("_id") {
            Some(Bson::String(id)) => Some(id.clone()),
            _ => None,
        });
        Ok(ids.collect())
    }

    async fn insert_version(&self, version: &Version) -> Result<bool, StoreError> {
        let mut document = write(&version.info)?;
        let stored = |row: &TrainingRow| write(&row.to_stored(self.definition));
        let rows: Result<Vec<_>, _> = version.training_rows.iter().map(stored).collect();
        document.insert(ROWS, rows?);
        self.insert(MODELS, version.info.model_version.as_str(), document)
            .await
    }

    async fn version(&self, id: &str) -> Result<Option<Version>, StoreError> {
        let found = self.collection(MODELS);
        let found = with_timeout(found.find_one(doc! { "_id": id }).into_future()).await?;
        let Some(mut document) = found else {
            return Ok(None);
        };
        let rows = match document.remove(ROWS) {
            Some(Bson::Array(rows)) => rows,
            _ => Vec::new(),
        };
        let corrupt = |reason: String| StoreError::Corrupt {
            collection: MODELS.to_owned(),
            id: id.to_owned(),
            reason,
        };
        let rows = rows.into_iter().map(|row| match row {
            Bson::Document(row) => {
                TrainingRow::from_stored(self.definition, &read::<Value>(MODELS, row)?)
                    .map_err(|error| corrupt(format!("a training row: {error}")))
            }
            other => Err(corrupt(format!("a training row is {other}"))),
        });
        let training_rows = rows.collect::<Result<_, _>>()?;
        Ok(Some(Version {
            info: read(MODELS, document)?,
            training_rows,
        }))
    }

    async fn versions(&self, page: Page) -> Result<Vec<VersionInfo>, StoreError> {
        self.find(MODELS, doc! {}, doc! { "Trained": -1, "_id": -1 }, page)
            .await
    }

    async fn count_versions(&self) -> Result<u64, StoreError> {
        with_timeout(
            self.collection(MODELS)
                .count_documents(doc! {})
                .into_future(),
        )
        .await
    }

    async fn version_ids(&self) -> Result<Vec<String>, StoreError> {
        let documents: Vec<Document> = with_timeout(async {
            let models = self.collection(MODELS);
            let find = models.find(doc! {}).projection(doc! { "_id": 1 });
            find.sort(doc! { "Trained": 1, "_id": 1 })
                .await?
                .try_collect()
                .await
        })
        .await?;
        let id = |document: Document| document.get_str("_id").ok().map(str::to_owned);
        Ok(documents.into_iter().filter_map(id).collect())
    }

    async fn undecided_versions(&self) -> Result<Vec<String>, StoreError> {
        let ids = self.version_ids().await?;
        let decided = self.collection(DECISIONS);
        let decided = decided.distinct("ModelVersion", doc! { "ModelVersion": { "$in": &ids } });
        let decided = with_timeout(decided.into_future()).await?;
        let is_decided = |id: &String| decided.iter().any(|one| one.as_str() == Some(id));
        Ok(ids.into_iter().filter(|id| !is_decided(id)).collect())
    }

    async fn delete_version(&self, id: &str) -> Result<(), StoreError> {
        with_timeout(
            self.collection(MODELS)
                .delete_one(doc! { "_id": id })
                .into_future(),
        )
        .await?;
        Ok(())
    }

    async fn append(&self, entry: &LogEntry) -> Result<bool, StoreError> {
        let sequence = sequence_number(entry.sequence)?;
        self.insert(DECISIONS, sequence, write(entry)?).await
    }

    async fn entries_after(&self, sequence: u64) -> Result<Vec<LogEntry>, StoreError> {
        let sequence = sequence_number(sequence)?;
        let filter = doc! { "_id": { "$gt": sequence } };
        self.find(DECISIONS, filter, doc! { "_id": 1 }, ALL).await
    }

    async fn last_activations(&self, limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        let activated = write(&serde_json::json!({ "Verdict": TrainingOutcome::Activated }))?;
        self.find(DECISIONS, activated, doc! { "_id": -1 }, first(limit))
            .await
    }

    async fn live_since(&self, time: EventTime) -> Result<Vec<String>, StoreError> {
        let mut filter = write(&serde_json::json!({ "Verdict": TrainingOutcome::Activated }))?;
        let mut earlier = filter.clone();
        earlier.insert("Time", doc! { "$lt": time.to_string() });
        let earlier = self.find::<LogEntry>(DECISIONS, earlier, doc! { "_id": -1 }, first(1));
        if let Some(live) = earlier.await?.pop() {
            filter.insert("_id", doc! { "$gte": sequence_number(live.sequence)? });
        }
        let decisions = self.collection(DECISIONS);
        let versions =
            with_timeout(decisions.distinct("ModelVersion", filter).into_future()).await?;
        let id = |version: Bson| version.as_str().map(str::to_owned);
        Ok(versions.into_iter().filter_map(id).collect())
    }

    async fn last_entry(&self) -> Result<Option<LogEntry>, StoreError> {
        let last = self.find(DECISIONS, doc! {}, doc! { "_id": -1 }, first(1));
        Ok(last.await?.pop())
    }

    async fn entries_on(&self, versions: &[&str], limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        let filter = doc! { "ModelVersion": { "$in": versions } };
        let last = self.find(DECISIONS, filter, doc! { "_id": -1 }, first(limit));
        let mut entries = last.await?;
        entries.reverse();
        Ok(entries)
    }

    async fn entries_caused_by(&self, trigger: &Trigger) -> Result<Vec<LogEntry>, StoreError> {
        // Null matches documents without the field.
        let filter = doc! { "Cause.Kind": "trigger", TRIGGER_VERSION: trigger.model_version() };
        let newest_first = doc! { "_id": -1 };
        let page = first(MAX_SAME_VERSION);
        let mut entries: Vec<LogEntry> = self.find(DECISIONS, filter, newest_first, page).await?;
        entries.retain(|entry| {
            let other = entry.cause.trigger.as_ref();
            other.is_some_and(|other| other.is_same(trigger))
        });
        entries.reverse();
        Ok(entries)
    }
}
