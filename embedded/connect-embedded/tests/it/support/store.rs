//! A document store in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use connect_embedded::{DocumentStore, StoreError};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use test_support::within;
use tokio::sync::watch;

type Contents = BTreeMap<(String, String), Map<String, Value>>;

/// How the next write fails.
pub(crate) enum Fail {
    Unavailable,
    Rejected,
}

/// Documents by `database.collection` and `_id`. Rejects those whose `_id` begins with `refused`.
#[derive(Default)]
pub(crate) struct Documents {
    contents: watch::Sender<Contents>,
    writes: Mutex<Vec<usize>>,
    failures: Mutex<VecDeque<Fail>>,
}

impl Documents {
    /// A store whose first writes fail.
    pub(crate) fn failing(failures: impl IntoIterator<Item = Fail>) -> Self {
        Self {
            failures: Mutex::new(failures.into_iter().collect()),
            ..Self::default()
        }
    }

    /// The number of documents of each attempted write.
    pub(crate) fn writes(&self) -> Vec<usize> {
        self.writes.lock().expect("no panic").clone()
    }

    /// The ids in a collection, once it contains `id`.
    pub(crate) async fn ids_with(&self, collection: &str, id: &str) -> Vec<String> {
        let contents = self.contents_with(collection, id).await;
        let here = contents.into_keys().filter(|(c, _)| c == collection);
        here.map(|(_, id)| id).collect()
    }

    /// A document, once it exists.
    pub(crate) async fn document(&self, collection: &str, id: &str) -> Map<String, Value> {
        let key = (collection.to_owned(), id.to_owned());
        self.contents_with(collection, id)
            .await
            .remove(&key)
            .expect("the document")
    }

    async fn contents_with(&self, collection: &str, id: &str) -> Contents {
        let key = (collection.to_owned(), id.to_owned());
        let mut contents = self.contents.subscribe();
        within(
            &format!("document {id} in {collection}"),
            contents.wait_for(|contents| contents.contains_key(&key)),
        )
        .await
        .expect("the store exists")
        .clone()
    }
}

impl DocumentStore for Documents {
    fn replace_many<'a>(
        &'a self,
        database: &'a str,
        collection: &'a str,
        documents: &'a [Map<String, Value>],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.writes.lock().expect("no panic").push(documents.len());
            match self.failures.lock().expect("no panic").pop_front() {
                Some(Fail::Unavailable) => return Err(StoreError::Unavailable("no route".into())),
                Some(Fail::Rejected) => return Err(StoreError::Rejected("too long".into())),
                None => {}
            }
            let id = |document: &Map<String, Value>| {
                document["_id"]
                    .as_str()
                    .expect("the id is a string")
                    .to_owned()
            };
            if documents.iter().any(|one| id(one).starts_with("refused")) {
                return Err(StoreError::Rejected("refused".into()));
            }
            self.contents.send_modify(|contents| {
                for document in documents {
                    let key = (format!("{database}.{collection}"), id(document));
                    contents.insert(key, document.clone());
                }
            });
            Ok(())
        }
        .boxed()
    }
}
