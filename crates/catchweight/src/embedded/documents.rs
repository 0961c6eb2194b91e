//! The target of the embedded Connect's MongoDB sink: the SQLite store.

use connect_embedded::{DocumentStore, StoreError};
use futures::FutureExt;
use futures::future::BoxFuture;
use model_store::{SqliteStore, StoreError as SqliteError};
use serde_json::{Map, Value};

/// The SQLite store as the document store of the sink.
#[derive(Clone, Debug)]
pub(super) struct Documents(pub(super) SqliteStore);

impl DocumentStore for Documents {
    fn replace_many<'a>(
        &'a self,
        database: &'a str,
        collection: &'a str,
        documents: &'a [Map<String, Value>],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let documents = documents.iter().map(|document| {
                // The key column is text: an id of another type is stored as its JSON text.
                let id = document.get("_id").map_or_else(String::new, |id| {
                    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
                });
                (id, Value::Object(document.clone()))
            });
            let written = self
                .0
                .replace_many(database, collection, documents.collect())
                .await;
            written.map_err(|error| match error {
                SqliteError::Unavailable(_) => StoreError::Unavailable(Box::new(error)),
                SqliteError::Failed(_) | SqliteError::Corrupt { .. } => {
                    StoreError::Rejected(Box::new(error))
                }
            })
        }
        .boxed()
    }
}
