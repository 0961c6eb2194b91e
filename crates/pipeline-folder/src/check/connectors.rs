//! The connector files against the definition: topics, database, collection and addresses.

use pipeline::Definition;
use pipeline::topics::dead_letters_of;
use serde_json::{Map, Value};

use super::Problem;
use crate::ConnectorFile;

/// A connector file that can be read.
struct Connector<'a> {
    file: &'a str,
    name: String,
    config: Map<String, Value>,
}

pub(super) fn check(
    definition: &Definition,
    files: &[ConnectorFile],
    sql_topics: &[String],
    problems: &mut Vec<Problem>,
) {
    let mut connectors: Vec<Connector<'_>> = Vec::new();
    for file in files {
        match read(file) {
            Ok(connector) => {
                if let Some(same) = connectors.iter().find(|other| other.name == connector.name) {
                    let text = format!("the name `{}` is also that of {}", same.name, same.file);
                    problems.push(Problem::new(connector.file, text));
                }
                connectors.push(connector);
            }
            Err(reason) => problems.push(Problem::new(file.origin.clone(), reason)),
        }
    }
    for connector in &connectors {
        topics_of(connector, definition, sql_topics, problems);
        dead_letters(connector, problems);
    }
    rows(definition, &connectors, problems);
    trigger(definition, &connectors, problems);
}

fn read(file: &ConnectorFile) -> Result<Connector<'_>, String> {
    let value: Value = serde_json::from_str(&file.text).map_err(|error| error.to_string())?;
    let (Some(name), Some(config)) = (
        value.get("name").and_then(Value::as_str),
        value.get("config").and_then(Value::as_object),
    ) else {
        return Err("expected an object with the fields `name` and `config`".to_owned());
    };
    Ok(Connector {
        file: &file.origin,
        name: name.to_owned(),
        config: config.clone(),
    })
}

impl Connector<'_> {
    fn text(&self, option: &str) -> Option<&str> {
        self.config.get(option).and_then(Value::as_str)
    }

    fn topics(&self) -> Vec<&str> {
        let topics = self.text("topics").unwrap_or_default().split(',');
        topics
            .map(str::trim)
            .filter(|topic| !topic.is_empty())
            .collect()
    }

    fn takes(&self, topic: &str) -> bool {
        self.topics().contains(&topic)
    }
}

fn topics_of(
    connector: &Connector<'_>,
    definition: &Definition,
    sql_topics: &[String],
    problems: &mut Vec<Problem>,
) {
    for topic in connector.topics() {
        let known = definition.topics.all().contains(&topic)
            || sql_topics.iter().any(|other| other == topic);
        if !known {
            let text =
                format!("takes the topic `{topic}`, which neither pipeline.toml nor the SQL has");
            problems.push(Problem::new(connector.file, text));
        }
    }
}

fn dead_letters(connector: &Connector<'_>, problems: &mut Vec<Problem>) {
    const OPTION: &str = "errors.deadletterqueue.topic.name";
    if let (Some(found), [topic]) = (connector.text(OPTION), &connector.topics()[..]) {
        let expected = dead_letters_of(topic);
        if found != expected {
            let text = format!(
                "{OPTION} is `{found}`, expected `{expected}`: replay and reports look there"
            );
            problems.push(Problem::new(connector.file, text));
        }
    }
}

fn rows(definition: &Definition, connectors: &[Connector<'_>], problems: &mut Vec<Problem>) {
    let topic = &definition.topics.rows;
    let mut found = connectors
        .iter()
        .filter(|connector| connector.takes(topic))
        .peekable();
    if found.peek().is_none() {
        let text =
            format!("no connector takes the topic `{topic}` (rows.topic): nothing is stored");
        problems.push(Problem::new("connectors", text));
    }
    for connector in found {
        for (option, expected, key) in [
            ("database", &definition.database, "rows.database"),
            ("collection", &definition.collection, "rows.collection"),
        ] {
            match connector.text(option) {
                Some(value) if value != expected => {
                    let text = format!("{option} is `{value}`, expected `{expected}` ({key})");
                    problems.push(Problem::new(connector.file, text));
                }
                _ => {}
            }
        }
    }
}

fn trigger(definition: &Definition, connectors: &[Connector<'_>], problems: &mut Vec<Problem>) {
    let topic = &definition.topics.trigger;
    let mut found = connectors
        .iter()
        .filter(|connector| connector.takes(topic))
        .peekable();
    if found.peek().is_none() {
        let text =
            format!("no connector takes the topic `{topic}` (rows.trigger): nothing is retrained");
        problems.push(Problem::new("connectors", text));
    }
    for connector in found {
        for option in ["http.url", "http.api.url"] {
            match connector.text(option) {
                Some(url)
                    if !url
                        .split(['?', '#'])
                        .next()
                        .is_some_and(|path| path.ends_with("/train")) =>
                {
                    let text =
                        format!("{option} is `{url}`, expected an address that ends in /train");
                    problems.push(Problem::new(connector.file, text));
                }
                _ => {}
            }
        }
    }
}
