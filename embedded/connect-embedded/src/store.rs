//! What the MongoDB sink writes to: implemented by whoever embeds this library.

use std::error::Error;

use futures::future::BoxFuture;
use serde_json::{Map, Value};

/// A store of documents, each in a collection of a database and with an `_id` of its own there.
pub trait DocumentStore: Send + Sync {
    /// Puts `document` in the place of the one with the same `_id` (which is `id`, and also a field
    /// of `document`), or beside the others where there is none: MongoDB's `replaceOne` with
    /// `upsert`. Doing it twice is the same as doing it once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] is waited for and tried again, [`StoreError::Rejected`] is not.
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
    /// The store cannot be reached or is busy: the same write may succeed later.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The store will never take this document.
    #[error("the store rejected the document: {0}")]
    Rejected(#[source] Box<dyn Error + Send + Sync>),
}
