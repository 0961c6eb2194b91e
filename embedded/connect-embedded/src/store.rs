//! The document store of the MongoDB sink, which the embedder implements.

use std::error::Error;

use futures::future::BoxFuture;
use serde_json::{Map, Value};

/// A store of documents. Each has an `_id` that is unique in its collection of a database.
pub trait DocumentStore: Send + Sync {
    /// Replaces the document with the same `_id`, or inserts `document` if there is none: MongoDB's
    /// `replaceOne` with `upsert`. `id` is also the field `_id` of `document`. Idempotent.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] is retried, [`StoreError::Rejected`] is not.
    fn replace_one<'a>(
        &'a self,
        database: &'a str,
        collection: &'a str,
        id: &'a Value,
        document: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// Why a document was not written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is unreachable or busy: a retry may succeed.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The store will never accept this document.
    #[error("the store rejected the document: {0}")]
    Rejected(#[source] Box<dyn Error + Send + Sync>),
}
