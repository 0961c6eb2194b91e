//! The connector files name topics, variables and paths that are there.

use pipeline::topics;
use serde_json::Value;

use crate::project::{captures, files, service, text};

fn all() -> Vec<(String, Value)> {
    let mut paths = files("connectors", ".json");
    paths.extend(files("connectors/alternatives", ".json"));
    paths
        .into_iter()
        .map(|path| {
            let file: Value = serde_json::from_str(&text(&path)).unwrap();
            (path, file["config"].clone())
        })
        .collect()
}

#[test]
fn every_connector_reads_a_topic_that_the_sql_writes() {
    let sql = text("ksql/pipeline.sql");
    for (path, config) in all() {
        let topic = config["topics"].as_str().unwrap();
        assert!(topics::ALL.contains(&topic), "{path}: {topic}");
        assert!(sql.contains(&format!("KAFKA_TOPIC='{topic}'")), "{path}");
    }
}

#[test]
fn dead_letters_go_to_the_topic_that_replay_knows() {
    for (path, config) in all() {
        let topic = config["topics"].as_str().unwrap();
        if let Some(letters) = config["errors.deadletterqueue.topic.name"].as_str() {
            assert_eq!(letters, topics::dead_letters_of(topic), "{path}");
        }
    }
}

#[test]
fn the_worker_of_the_stack_has_every_variable_that_a_connector_names() {
    let environment = service("connect")["environment"].clone();
    for (path, config) in all() {
        for name in captures(&config.to_string(), r"\$\{env:(\w+)\}") {
            assert!(environment.get(&name).is_some(), "{path}: {name}");
            let documented = text("connectors/README.md").contains(&format!("| `{name}` |"));
            assert!(documented, "connectors/README.md does not tell of {name}");
        }
    }
}

#[test]
fn the_variables_in_the_workers_settings_are_there_too() {
    let environment = service("connect")["environment"].clone();
    for name in captures(&text("connectors/worker.properties"), r"=\$\{env:(\w+)\}") {
        assert!(environment.get(&name).is_some(), "{name}");
    }
}

#[test]
fn rows_go_to_where_the_model_server_reads_them() {
    let file: Value = serde_json::from_str(&text("connectors/weight-data.json")).unwrap();
    let source = text("crates/model-server/src/store/mod.rs");
    for key in ["database", "collection"] {
        let name = file["config"][key].as_str().unwrap();
        assert!(source.contains(&format!("\"{name}\"")), "{key} {name}");
    }
}

#[test]
fn a_trigger_is_sent_to_a_path_that_the_api_has() {
    let sources = ["crates/model-server/src/http/train.rs"].map(text).join("");
    for (path, config) in all() {
        for key in ["http.url", "http.api.url"] {
            let Some(url) = config[key].as_str() else {
                continue;
            };
            let target = url.strip_prefix("${env:MODEL_URL}").expect("an address");
            assert!(sources.contains(&format!("\"{target}\"")), "{path}: {url}");
        }
    }
}
