//! Unsupported options are refused by name.

use connect_embedded::{ConfigError, ConnectorSource, Connectors};
use serde_json::{Value, json};

use crate::support::file;

const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";

fn http(changes: Value) -> ConnectorSource {
    let mut options = json!({
        "connector.class": "io.aiven.kafka.connect.http.HttpSinkConnector",
        "topics": "calls",
        "http.url": "${env:URL}/train",
        "http.authorization.type": "none",
        "value.converter": STRING,
    });
    for (option, value) in changes.as_object().expect("options") {
        options[option] = value.clone();
    }
    file("Calls", options)
}

fn mongo(changes: Value) -> ConnectorSource {
    let mut options = json!({
        "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
        "topics": "rows",
        "connection.uri": "${env:URL}",
        "database": "Db",
        "collection": "Rows",
        "document.id.strategy":
            "com.mongodb.kafka.connect.sink.processor.id.strategy.ProvidedInValueStrategy",
        "writemodel.strategy":
            "com.mongodb.kafka.connect.sink.writemodel.strategy.ReplaceOneDefaultStrategy",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
    });
    for (option, value) in changes.as_object().expect("options") {
        options[option] = value.clone();
    }
    file("Rows", options)
}

fn load(sources: &[ConnectorSource]) -> Result<Connectors, ConfigError> {
    Connectors::from_sources(sources, |name| match name {
        "URL" => Some("http://secret@127.0.0.1:1".into()),
        "TOKEN" => Some("se\ncret".into()),
        _ => None,
    })
}

fn refusal(source: ConnectorSource) -> String {
    match load(&[source]) {
        Ok(_) => panic!("was accepted"),
        Err(error) => error.to_string(),
    }
}

/// Loads a file with one changed option, and expects an error with the connector, the option and
/// `hint`.
#[track_caller]
fn refused(file: fn(Value) -> ConnectorSource, option: &str, value: Value, hint: &str) {
    let error = refusal(file(json!({ option: value })));
    let connector = if file(json!({})).origin == "Calls.json" {
        "`Calls`"
    } else {
        "`Rows`"
    };
    for part in [connector, &format!("`{option}`"), hint] {
        assert!(error.contains(part), "no {part} in: {error}");
    }
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn the_base_files_are_accepted() {
    load(&[http(json!({})), mongo(json!({}))]).expect("valid files");
}

#[test]
fn an_unknown_option_or_class_is_refused_by_name() {
    refused(http, "max.retriez", json!("1"), "not known");
    refused(http, "topics.regex", json!(".*"), "not known");
    refused(http, "transforms.other.type", json!("x"), "not known");
    refused(mongo, "delete.on.null.values", json!("true"), "not known");
    refused(mongo, "http.url", json!("x"), "not known");
    refused(
        http,
        "connector.class",
        json!("com.example.Sink"),
        "com.example.Sink",
    );
    refused(
        http,
        "transforms.drop.type",
        json!("com.example.Flip"),
        "com.example.Flip",
    );
    refused(
        http,
        "predicates.tombstone.type",
        json!("com.example.Is"),
        "com.example.Is",
    );
    refused(
        http,
        "value.converter",
        json!("com.example.Avro"),
        "com.example.Avro",
    );
}

#[test]
fn an_unsupported_value_is_refused() {
    refused(http, "http.timeout", json!("soon"), "`soon`");
    refused(http, "max.retries", json!("-1"), "`-1`");
    refused(http, "http.url", json!("ftp://x"), "http://");
    refused(http, "http.authorization.type", json!("oauth2"), "oauth2");
    refused(http, "batching.enabled", json!("true"), "`true`");
    refused(http, "errors.tolerance", json!("data"), "`data`");
    refused(
        http,
        "errors.log.enable",
        json!("yes"),
        "expected true or false",
    );
    refused(http, "tasks.max", json!(0), "`0`");
    refused(http, "name", json!("Other"), "Calls");
    refused(http, "transforms.drop.predicate", json!("other"), "`other`");
    refused(
        http,
        "http.headers.additional",
        json!("nocolon"),
        "name:value",
    );
    refused(
        mongo,
        "value.converter.schemas.enable",
        json!("true"),
        "false",
    );
    refused(mongo, "value.converter", json!(STRING), "JsonConverter");
    refused(
        mongo,
        "connection.uri",
        json!("mongodb://elsewhere"),
        "${env:NAME}",
    );
    refused(
        mongo,
        "connection.uri",
        json!("${env:URL}?tls=true"),
        "tls=true",
    );
    refused(
        mongo,
        "document.id.strategy",
        json!("com.example.Uuid"),
        "com.example.Uuid",
    );
}

#[test]
fn a_missing_required_option_is_named() {
    for option in [
        "connector.class",
        "topics",
        "http.url",
        "http.authorization.type",
    ] {
        refused(http, option, Value::Null, "is missing");
    }
    for option in [
        "key.converter",
        "value.converter",
        "transforms.drop.predicate",
    ] {
        refused(http, option, Value::Null, "is missing");
    }
    for option in [
        "connection.uri",
        "database",
        "collection",
        "document.id.strategy",
    ] {
        refused(mongo, option, Value::Null, "is missing");
    }
    refused(
        mongo,
        "value.converter.schemas.enable",
        Value::Null,
        "must be false",
    );
}

#[test]
fn the_authorization_header_must_match_its_type() {
    const HEADER: &str = "http.headers.authorization";
    refused(http, HEADER, json!("Bearer x"), "forbidden");
    let error = refusal(http(json!({"http.authorization.type": "static"})));
    assert!(
        error.contains(HEADER) && error.contains("missing"),
        "{error}"
    );
    let bad = json!({"http.authorization.type": "static", HEADER: "Bearer ${env:TOKEN}"});
    let error = refusal(http(bad));
    assert!(error.contains(HEADER) && !error.contains("cret"), "{error}");
}

#[test]
fn a_variable_that_is_not_set_is_refused_with_its_option() {
    refused(http, "http.url", json!("http://x/${env:NOPE}"), "NOPE");
    refused(mongo, "database", json!("${env:NOPE}"), "NOPE");
}

#[test]
fn two_connectors_with_the_same_name_are_refused() {
    match load(&[http(json!({})), http(json!({}))]) {
        Ok(_) => panic!("was accepted"),
        Err(error) => assert!(error.to_string().contains("`Calls`"), "{error}"),
    }
}

#[test]
fn a_malformed_file_is_refused_with_the_expected_shape() {
    for text in [
        "{",
        "[]",
        r#"{"name":"x"}"#,
        r#"{"name":"","config":{}}"#,
        r#"{"name":"x","config":{"topics":["a"]}}"#,
    ] {
        let error = refusal(ConnectorSource {
            origin: "odd.json".into(),
            text: text.into(),
        });
        assert!(
            error.contains("odd.json") && error.contains(r#"{"name""#),
            "{error}"
        );
    }
}
