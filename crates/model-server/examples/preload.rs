//! Writes the rows of a CSV file with the pipeline's columns into a store, as the pipeline's connector does, to
//! try training by hand. The pipeline is that of the working directory:
//!
//! `cargo run --release -p model-server --example preload -- sqlite:try.sqlite rows.csv`

#![allow(clippy::print_stdout, reason = "it says what it did")]

use std::time::Duration;

use anyhow::Context;
use model_store::features::levels;
use model_store::{MongoStore, SqliteStore, StoreAddress};
use mongodb::bson::{doc, serialize_to_document};
use pipeline::{Definition, EventTime};
use pipeline_folder::FolderArgs;
use serde_json::{Map, Value, json};
use service_runtime::table::read_columns;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(store), Some(file)) = (args.next(), args.next()) else {
        anyhow::bail!("usage: preload STORE FILE.csv");
    };
    let definition = FolderArgs::default().open()?.definition;
    let address: StoreAddress = store.parse().map_err(anyhow::Error::msg)?;
    let rows = documents(definition, &file).with_context(|| file.clone())?;
    let count = rows.len();
    match &address {
        StoreAddress::Sqlite(path) => {
            SqliteStore::open(path, definition)?
                .replace_many(&definition.database, &definition.collection, rows)
                .await?;
        }
        StoreAddress::MongoDb(uri) => {
            let store = MongoStore::at(uri, definition).await?;
            let collection = store.database().collection(&definition.collection);
            for (id, row) in rows {
                let row = serialize_to_document(&row)?;
                collection
                    .replace_one(doc! { "_id": id }, row)
                    .upsert(true)
                    .await?;
            }
        }
    }
    println!("wrote {count} rows of {file} to {address}");
    Ok(())
}

/// The rows as documents, with timestamps two seconds apart that end now.
fn documents(definition: &Definition, file: &str) -> anyhow::Result<Vec<(String, Value)>> {
    let levels: Vec<_> = levels(definition).collect();
    let numbers: Vec<_> = definition.numbers().chain([definition.target()]).collect();
    let columns = levels
        .iter()
        .chain(&numbers)
        .map(|column| column.name.as_str());
    let rows = read_columns(&std::fs::read(file)?, &columns.collect::<Vec<_>>())?;
    let actual = definition.actual_field();
    let mut fields: Vec<&str> = levels
        .iter()
        .chain(&numbers)
        .map(|column| column.field.as_str())
        .collect();
    fields.pop();
    fields.push(&actual);
    let mut time = EventTime::now().before(Duration::from_secs(2 * rows.len() as u64));
    let mut documents = Vec::new();
    for (key, (line, cells)) in (1_u32..).zip(rows) {
        time = time.after(Duration::from_secs(2));
        let id = format!("{key}@{time}");
        let mut document = Map::new();
        document.insert("_id".to_owned(), json!(id));
        document.insert(definition.key.clone(), json!(key.to_string()));
        for (at, (field, cell)) in fields.iter().zip(cells).enumerate() {
            let value = if at < levels.len() {
                json!(cell)
            } else {
                let number: f64 = cell
                    .parse()
                    .with_context(|| format!("line {line}: `{cell}`"))?;
                json!(number)
            };
            document.insert((*field).to_owned(), value);
        }
        document.insert("Timestamp".to_owned(), json!(time));
        documents.push((id, Value::Object(document)));
    }
    Ok(documents)
}
