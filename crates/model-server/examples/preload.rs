//! Writes the rows of a CSV file (species, length, height, weight) into a store, as the pipeline's
//! connector does, to try training by hand:
//!
//! `cargo run --release -p model-server --example preload -- sqlite:try.sqlite rows.csv`

use anyhow::Context;
use model_store::MongoStore;
use model_store::store::{DATABASE, TRAINING_DATA};
use model_store::{SqliteStore, StoreAddress};
use mongodb::bson::{doc, serialize_to_document};
use pipeline::EventTime;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Deserialize)]
struct Row {
    species: String,
    length: f64,
    height: f64,
    weight: f64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(store), Some(file)) = (args.next(), args.next()) else {
        anyhow::bail!("usage: preload STORE FILE.csv");
    };
    let store: StoreAddress = store.parse().map_err(anyhow::Error::msg)?;
    let rows = documents(&file).with_context(|| file.clone())?;
    match &store {
        StoreAddress::Sqlite(path) => {
            SqliteStore::open(path)?
                .replace_many(DATABASE, TRAINING_DATA, rows)
                .await?;
        }
        StoreAddress::MongoDb(uri) => {
            let store = MongoStore::at(uri).await?;
            let collection = store.database().collection(TRAINING_DATA);
            for (id, row) in rows {
                let row = serialize_to_document(&row)?;
                collection
                    .replace_one(doc! { "_id": id }, row)
                    .upsert(true)
                    .await?;
            }
        }
    }
    Ok(())
}

/// The rows as documents, with timestamps two seconds apart that end now.
fn documents(file: &str) -> anyhow::Result<Vec<(String, Value)>> {
    let rows: Vec<Row> = csv::Reader::from_path(file)?
        .deserialize()
        .collect::<Result<_, _>>()?;
    let start = EventTime::now().before(Duration::from_secs(2 * rows.len() as u64));
    let mut time = start;
    Ok(rows
        .into_iter()
        .zip(1_u32..)
        .map(|(row, fish)| {
            time = time.after(Duration::from_secs(2));
            let id = format!("{fish}@{time}");
            let document = json!({
                "_id": id, "Key": "Key", "Fish_Id": fish.to_string(), "Species": row.species,
                "Length": row.length, "Height": row.height, "ActualWeight": row.weight,
                "Timestamp": time
            });
            (id, document)
        })
        .collect())
}
