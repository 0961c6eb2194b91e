//! Topics, variables and paths that the connector files name exist.

use pipeline::topics;
use serde_json::Value;

use crate::project::{captures, files, service, sources, text};

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
fn connectors_read_topics_that_the_sql_writes() {
    let sql = text("ksql/pipeline.sql");
    for (path, config) in all() {
        let topic = config["topics"].as_str().unwrap();
        assert!(topics::ALL.contains(&topic), "{path}: {topic}");
        assert!(sql.contains(&format!("KAFKA_TOPIC='{topic}'")), "{path}");
    }
}

#[test]
fn dead_letters_go_to_the_topic_that_replay_reads() {
    for (path, config) in all() {
        let topic = config["topics"].as_str().unwrap();
        if let Some(dead_letters) = config["errors.deadletterqueue.topic.name"].as_str() {
            assert_eq!(dead_letters, topics::dead_letters_of(topic), "{path}");
        }
    }
}

#[test]
fn the_connect_service_sets_every_variable_connectors_use() {
    let environment = service("connect")["environment"].clone();
    for (path, config) in all() {
        for name in captures(&config.to_string(), r"\$\{env:(\w+)\}") {
            assert!(environment.get(&name).is_some(), "{path}: {name}");
            let documented = text("connectors/README.md").contains(&format!("| `{name}` |"));
            assert!(documented, "connectors/README.md does not describe {name}");
        }
    }
}

/// A file that appended an option would not work with an address that has one, such as `tls=true`.
#[test]
fn the_stores_options_are_in_its_variable() {
    for (path, config) in all() {
        if let Some(uri) = config["connection.uri"].as_str() {
            assert_eq!(uri, "${env:MONGODB_URI}", "{path}");
        }
    }
    let penguins: Value =
        serde_json::from_str(&text("examples/penguins/connectors/rows.json")).unwrap();
    assert_eq!(penguins["config"]["connection.uri"], "${env:MONGODB_URI}");
    let compose = service("connect")["environment"]["MONGODB_URI"].clone();
    let certificates = text("scripts/certificates");
    for uri in [compose.as_str().unwrap(), &certificates] {
        let poll = "serverSelectionTimeoutMS=600000";
        assert!(uri.contains(poll), "the sink gives up after 30 s");
    }
}

#[test]
fn the_connect_service_sets_the_workers_variables() {
    let environment = service("connect")["environment"].clone();
    for name in captures(&text("connectors/worker.properties"), r"=\$\{env:(\w+)\}") {
        assert!(environment.get(&name).is_some(), "{name}");
    }
}

#[test]
fn rows_are_stored_where_the_model_server_reads_them() {
    let file: Value = serde_json::from_str(&text("connectors/weight-data.json")).unwrap();
    let definition = pipeline::Definition::shipped();
    assert_eq!(file["config"]["database"], definition.database.as_str());
    assert_eq!(file["config"]["collection"], definition.collection.as_str());
}

#[test]
fn triggers_are_posted_to_a_path_of_the_model_api() {
    let source = sources("crates/model-server/src/http");
    for (path, config) in all() {
        for key in ["http.url", "http.api.url"] {
            let Some(url) = config[key].as_str() else {
                continue;
            };
            let target = url.strip_prefix("${env:MODEL_URL}").expect("an address");
            assert!(source.contains(&format!("\"{target}\"")), "{path}: {url}");
        }
    }
}
