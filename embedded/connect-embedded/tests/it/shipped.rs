//! The shipped connector files.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use connect_embedded::Connectors;
use pipeline::topics::{WEIGHT_DIFF, WEIGHT_RETRAIN, dead_letters_of};
use serde_json::{Value, json};

use crate::support::{Broker, Documents, Running, Server};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../connectors")
}

fn load(paths: &[&str], model: &str) -> Connectors {
    let paths = paths.iter().map(|path| folder().join(path));
    Connectors::load(paths, |name| match name {
        "MONGODB_URI" => {
            Some("mongodb://user:password@127.0.0.1:1/admin?serverSelectionTimeoutMS=600000".into())
        }
        "MODEL_URL" => Some(model.into()),
        "TRAIN_TOKEN" => Some("token".into()),
        "KAFKA_BOOTSTRAP_SERVERS" => Some("127.0.0.1:1".into()),
        _ => None,
    })
    .expect("the files are valid")
}

fn texts(topics: &[&str]) -> BTreeSet<String> {
    topics.iter().map(|topic| (*topic).to_owned()).collect()
}

#[test]
fn the_folder_has_two_connectors_on_the_pipelines_topics() {
    let connectors = load(&["."], "http://127.0.0.1:1");
    let names: BTreeSet<_> = connectors.names().collect();
    assert_eq!(names, BTreeSet::from(["RetrainTrigger", "WeightData"]));
    let (diff, retrain) = (
        dead_letters_of(WEIGHT_DIFF),
        dead_letters_of(WEIGHT_RETRAIN),
    );
    let expected = texts(&[WEIGHT_DIFF, WEIGHT_RETRAIN, &diff, &retrain]);
    assert_eq!(connectors.topics(), expected);
}

#[test]
fn no_file_contains_an_address_or_a_secret() {
    for file in [
        "weight-data.json",
        "retrain-trigger.json",
        "alternatives/confluent-http-sink.json",
    ] {
        let text = std::fs::read_to_string(folder().join(file)).expect("the file");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        for (option, value) in json["config"].as_object().expect("options") {
            let value = value.as_str().expect("a text");
            assert!(!value.contains("://"), "{file}: {option}");
            let secret = ["uri", "url", "servers", "authorization"];
            if secret.iter().any(|ending| option.ends_with(ending)) || option == "headers" {
                assert!(value.contains("${env:"), "{file}: {option}");
            }
        }
    }
}

#[tokio::test]
async fn a_row_reaches_the_store_and_a_trigger_the_model() {
    let diff = pipeline::WeightDiff {
        id: "7@2021-06-09T13:39:37.971Z".into(),
        key: "Key".into(),
        fish_id: "7".into(),
        species: "salmon".into(),
        length_cm: 86.37,
        height_cm: 18.74,
        predicted_weight_kg: 3.6,
        actual_weight_kg: 4.4399,
        error: 0.189,
        model_time: "2021-06-02 07:48:52".into(),
        model_version: "v1".into(),
        timestamp: "2021-06-09T13:39:37.971Z".parse().expect("a time"),
    };
    let row = serde_json::to_vec(&diff).expect("JSON");
    let (broker, server) = (Broker::start(), Server::answering(&[]).await);
    let store = Arc::new(Documents::default());
    let connectors = load(&["."], &server.url);
    let running = Running::start(&broker, connectors, store.clone()).await;
    for _ in 0..2 {
        broker.write(WEIGHT_DIFF, b"7", Some(&row)).await;
    }
    broker
        .write(WEIGHT_DIFF, b"8", Some(br#"{"_id":"last"}"#))
        .await;
    let trigger = json!({"ModelVersion": "v1"}).to_string();
    broker
        .write(WEIGHT_RETRAIN, b"v1\x00\xff", Some(trigger.as_bytes()))
        .await;

    let ids = store.ids_with("Weight.TrainingData", "last").await;
    assert_eq!(ids, [diff.id.as_str(), "last"]);
    let stored = Value::Object(store.document("Weight.TrainingData", &diff.id).await);
    assert_eq!(stored, serde_json::to_value(&diff).expect("JSON"));
    let request = server.requests(1).await.remove(0);
    assert_eq!(request.path, "/train");
    assert_eq!(request.headers["authorization"], "Bearer token");
    assert_eq!(request.body, trigger);
    running.stop().await;
}
