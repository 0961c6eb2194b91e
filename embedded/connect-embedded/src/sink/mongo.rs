//! `com.mongodb.kafka.connect.MongoSinkConnector`: one document for each `_id`.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rdkafka::message::BorrowedMessage;
use serde_json::{Map, Value as Json};
use tokio::time::{Instant, sleep};

use super::Sink;
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
        // Documents are written one by one.
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
    fn put<'a>(
        &'a self,
        _: &'a BorrowedMessage<'_>,
        value: Value,
    ) -> BoxFuture<'a, Result<Outcome, Failure>> {
        async move {
            let document = document(value)?;
            // The real strategy also accepts a null `_id`, but such documents would replace each other.
            let id = document
                .get("_id")
                .filter(|id| !id.is_null())
                .ok_or_else(|| {
                    Failure::tolerable(
                        DATA_EXCEPTION,
                        "the document has no `_id`, or its `_id` is null",
                    )
                })?;
            self.write(id, &document).await?;
            Ok(Outcome::Delivered)
        }
        .boxed()
    }
}

impl MongoSink {
    /// Writes one document, retrying while the store is unavailable.
    async fn write(&self, id: &Json, document: &Map<String, Json>) -> Result<(), Failure> {
        let deadline = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        let mut unavailable = false;
        loop {
            let written = self
                .store
                .replace_one(&self.database, &self.collection, id, document)
                .await;
            match written {
                Ok(()) => {
                    if unavailable {
                        tracing::info!(connector = self.connector, "the store is available again");
                    }
                    return Ok(());
                }
                Err(StoreError::Rejected(reason)) => {
                    let message = format!("the store rejected the document: {reason}");
                    return Err(Failure::tolerable(
                        "com.mongodb.MongoWriteException",
                        message,
                    ));
                }
                Err(StoreError::Unavailable(reason)) if Instant::now() + pause > deadline => {
                    let message = format!("the store was unavailable for too long: {reason}");
                    return Err(Failure::tolerable(
                        "com.mongodb.MongoTimeoutException",
                        message,
                    ));
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
    }
}

fn document(value: Value) -> Result<Map<String, Json>, Failure> {
    let kind = match value {
        Value::Json(Json::Object(document)) => return Ok(document),
        Value::Json(Json::Array(_)) => "an array",
        Value::Json(_) | Value::Text(_) => "a single value",
        Value::Null => "null",
    };
    Err(Failure::tolerable(
        DATA_EXCEPTION,
        format!("expected a document, got {kind}"),
    ))
}
