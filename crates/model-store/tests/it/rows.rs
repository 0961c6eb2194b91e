//! Rows of `Weight.TrainingData`, and stores to fill with them.

use std::future::Future;

use model_store::{SqliteStore, Store};
use serde_json::{Value, json};

/// Fish `from` to `to` of a species, one every two seconds, as rows of `Weight.TrainingData`.
pub(crate) fn fish(species: &str, from: u32, to: u32, version: &str) -> Vec<Value> {
    (from..=to)
        .map(|id| {
            // All fish are different, and every run has the same fish.
            let wave = |step: f64| (f64::from(id) * step).sin();
            let (length, height, weight) = match species {
                "walleye" => {
                    let (length, height) = (81.0 + 8.0 * wave(1.7), 17.0 + 2.0 * wave(2.9));
                    (length, height, 0.02 * length + 0.04 * height + 0.1 * wave(5.3))
                }
                _ => {
                    let (length, height) = (88.0 + 5.0 * wave(1.7), 19.0 + wave(2.9));
                    (length, height, 0.05 * length + 0.01 * height + 0.1 * wave(5.3))
                }
            };
            let timestamp = format!("2021-06-09T13:{:02}:{:02}.000Z", id / 30, id % 30 * 2);
            json!({
                "_id": format!("{id}@{timestamp}"), "Key": "Key", "Fish_Id": id.to_string(), "Species": species,
                "Length": length, "Height": height, "PredictedWeight": 4.0, "ActualWeight": weight, "Error": 0.1,
                "ModelTime": "2021-06-02 07:48:52", "ModelVersion": version, "Timestamp": timestamp
            })
        })
        .collect()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// A store that a test can fill as the pipeline's connector does.
pub(crate) trait TestStore: Store {
    fn fill(&self, rows: &[Value]) -> impl Future<Output = ()> + Send;

    /// Deletes everything that the test has written.
    #[cfg_attr(not(feature = "mongodb-tests"), allow(dead_code))]
    fn clean_up(self) -> impl Future<Output = ()> + Send;
}

impl TestStore for SqliteStore {
    async fn fill(&self, rows: &[Value]) {
        let documents = rows
            .iter()
            .map(|row| (text(&row["_id"]), row.clone()))
            .collect();
        self.replace_many("Weight", "TrainingData", documents)
            .await
            .unwrap();
    }

    async fn clean_up(self) {}
}

#[cfg(feature = "mongodb-tests")]
pub(crate) mod mongo {
    use model_store::MongoStore;
    use mongodb::bson::{doc, serialize_to_document};
    use pipeline::Definition;
    use serde_json::Value;

    use super::{TestStore, text};

    /// The connection string of the server to test with, including user and password.
    pub(crate) fn uri() -> String {
        std::env::var("MONGODB_URI").expect("MONGODB_URI names a MongoDB server to test with")
    }

    /// A store in a new database.
    pub(crate) async fn store() -> (MongoStore, ()) {
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let name = format!("Weight_{}_{}", std::process::id(), nanos.as_nanos());
        (
            MongoStore::in_database(&uri(), Definition::shipped(), &name)
                .await
                .unwrap(),
            (),
        )
    }

    impl TestStore for MongoStore {
        async fn fill(&self, rows: &[Value]) {
            let collection = self.database().collection("TrainingData");
            for row in rows {
                let document = serialize_to_document(row).unwrap();
                let filter = doc! { "_id": text(&row["_id"]) };
                collection
                    .replace_one(filter, document)
                    .upsert(true)
                    .await
                    .unwrap();
            }
        }

        async fn clean_up(self) {
            self.database().drop().await.unwrap();
        }
    }
}
