//! `com.mongodb.kafka.connect.MongoSinkConnector`: one document for each `_id`.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value as Json};
use tokio::time::{Instant, sleep};

use super::{Converted, Delivery, Sink};
use crate::converter::Value;
use crate::failure::{DATA_EXCEPTION, Failure};
use crate::options::Options;
use crate::stats::Outcome;
use crate::{ConfigError, DocumentStore, StoreError};

pub(super) const CLASS: &str = "com.mongodb.kafka.connect.MongoSinkConnector";
const PROVIDED_ID: &str =
    "com.mongodb.kafka.connect.sink.processor.id.strategy.ProvidedInValueStrategy";
const REPLACE_ONE: &str =
    "com.mongodb.kafka.connect.sink.writemodel.strategy.ReplaceOneDefaultStrategy";
/// The MongoDB driver's default for `serverSelectionTimeoutMS`.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(30);
/// The default of a Connect worker's consumer for `max.poll.records`.
const MAX_BATCH: usize = 500;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The sink's options.
pub(crate) struct Config {
    database: String,
    collection: String,
    /// How long to retry while the store is unavailable.
    patience: Duration,
}

impl Config {
    pub(super) fn from_options(options: &mut Options) -> Result<Self, ConfigError> {
        let patience = patience(options)?;
        let database = options.required("database", "the database's name")?.value;
        let collection = options
            .required("collection", "the collection's name")?
            .value;
        options.choice("document.id.strategy", None, &[(PROVIDED_ID, ())])?;
        options.choice("writemodel.strategy", None, &[(REPLACE_ONE, ())])?;
        // A batch has the records of one poll; a document that the store rejects fails alone.
        options.without_effect("max.batch.size");
        Ok(Self {
            database,
            collection,
            patience,
        })
    }

    pub(super) fn open(&self, connector: &str, store: Arc<dyn DocumentStore>) -> MongoSink {
        MongoSink {
            connector: connector.to_owned(),
            database: self.database.clone(),
            collection: self.collection.clone(),
            patience: self.patience,
            store,
        }
    }
}

/// From `connection.uri`. The embedder's store replaces the server. The only supported driver option is
/// `serverSelectionTimeoutMS`.
fn patience(options: &mut Options) -> Result<Duration, ConfigError> {
    const OPTION: &str = "connection.uri";
    let after = options.embedder_address(OPTION, "the address of the store, as ${env:NAME}")?;
    let query = after.trim_start_matches('/').trim_start_matches('?');
    let mut patience = DEFAULT_PATIENCE;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let millis = value.parse().ok();
        match (
            name.eq_ignore_ascii_case("serverSelectionTimeoutMS"),
            millis,
        ) {
            (true, Some(millis)) => patience = Duration::from_millis(millis),
            _ => {
                let reason = format!(
                    "`{pair}` is not supported: expected serverSelectionTimeoutMS=MILLISECONDS"
                );
                return Err(options.refuse(OPTION, reason));
            }
        }
    }
    Ok(patience)
}

/// Writes documents to the embedder's store.
pub(super) struct MongoSink {
    connector: String,
    database: String,
    collection: String,
    patience: Duration,
    store: Arc<dyn DocumentStore>,
}

impl Sink for MongoSink {
    fn batch_size(&self) -> usize {
        MAX_BATCH
    }

    fn put<'a>(&'a self, records: Vec<Converted<'a>>) -> BoxFuture<'a, Vec<Delivery>> {
        async move {
            let values = records.into_iter().map(|(_, value)| document(value));
            let documents: Vec<Result<Map<String, Json>, Failure>> = values.collect();
            let valid: Vec<_> = documents.iter().flatten().cloned().collect();
            let mut written = self.write_each(&valid).await.into_iter();
            let delivered = documents.into_iter().map(|document| {
                document?;
                written.next().unwrap_or(Ok(()))?;
                Ok(Outcome::Delivered)
            });
            delivered.collect()
        }
        .boxed()
    }
}

impl MongoSink {
    /// Writes documents in one batch; if the store rejects it, one by one, so that only the documents fail
    /// that it rejects.
    async fn write_each(&self, documents: &[Map<String, Json>]) -> Vec<Result<(), Failure>> {
        match self.write(documents).await {
            Ok(()) => vec![Ok(()); documents.len()],
            Err(NotWritten::Rejected(_)) if documents.len() > 1 => {
                let mut written = Vec::new();
                for document in documents {
                    let one = self.write(std::slice::from_ref(document)).await;
                    written.push(one.map_err(NotWritten::failure));
                }
                written
            }
            Err(error) => vec![Err(error.failure()); documents.len()],
        }
    }

    /// Writes documents in one batch, retrying while the store is unavailable.
    async fn write(&self, documents: &[Map<String, Json>]) -> Result<(), NotWritten> {
        let deadline = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        let mut unavailable = false;
        while !documents.is_empty() {
            let written = self
                .store
                .replace_many(&self.database, &self.collection, documents)
                .await;
            match written {
                Ok(()) => break,
                Err(StoreError::Rejected(reason)) => {
                    return Err(NotWritten::Rejected(reason.to_string()));
                }
                Err(StoreError::Unavailable(reason)) if Instant::now() + pause > deadline => {
                    return Err(NotWritten::Unavailable(reason.to_string()));
                }
                Err(error @ StoreError::Unavailable(_)) => {
                    if !unavailable {
                        tracing::warn!(connector = self.connector, %error, "the store is unavailable: retrying");
                    }
                    unavailable = true;
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        if unavailable {
            tracing::info!(connector = self.connector, "the store is available again");
        }
        Ok(())
    }
}

/// Why a batch was not written.
enum NotWritten {
    Rejected(String),
    Unavailable(String),
}

impl NotWritten {
    /// The failure of each of its records.
    fn failure(self) -> Failure {
        let (exception, message) = match self {
            Self::Rejected(reason) => (
                "com.mongodb.MongoWriteException",
                format!("the store rejected the document: {reason}"),
            ),
            Self::Unavailable(reason) => (
                "com.mongodb.MongoTimeoutException",
                format!("the store was unavailable for too long: {reason}"),
            ),
        };
        Failure::tolerable(exception, message)
    }
}

/// The document in a value. The real strategy also accepts a null `_id`, but such documents would replace
/// each other.
fn document(value: Value) -> Result<Map<String, Json>, Failure> {
    let kind = match value {
        Value::Json(Json::Object(document)) => {
            if document.get("_id").is_none_or(Json::is_null) {
                let reason = "the document has no `_id`, or its `_id` is null";
                return Err(Failure::tolerable(DATA_EXCEPTION, reason));
            }
            return Ok(document);
        }
        Value::Json(Json::Array(_)) => "an array",
        Value::Json(_) | Value::Text(_) => "a single value",
        Value::Null => "null",
    };
    Err(Failure::tolerable(
        DATA_EXCEPTION,
        format!("expected a document, got {kind}"),
    ))
}
