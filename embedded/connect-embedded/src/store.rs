//! The document store of the MongoDB sink, which the embedder implements.

use std::error::Error;

use futures::future::BoxFuture;
use serde_json::{Map, Value};

/// A store of documents. Each has a field `_id` that is unique in its collection of a database.
pub trait DocumentStore: Send + Sync {
    /// Replaces each document with the same `_id`, or inserts it if there is none: MongoDB's `replaceOne`
    /// with `upsert`. In order, so that the last of several documents with one `_id` remains. All or none
    /// are written. Idempotent.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] is retried, [`StoreError::Rejected`] is not.
    fn replace_many<'a>(
        &'a self,
        database: &'a str,
        collection: &'a str,
        documents: &'a [Map<String, Value>],
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// Why a document was not written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is unreachable or busy: a retry may succeed.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The store will never accept one of these documents.
    #[error("the store rejected the document: {0}")]
    Rejected(#[source] Box<dyn Error + Send + Sync>),
}
