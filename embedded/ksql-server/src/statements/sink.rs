//! The topic of a new stream or table.

use crate::error::{ApiError, BAD_REQUEST, SERVER_ERROR};
use crate::sql::{TopicSettings, create};
use crate::state::State;
use crate::topics::{Topic, TopicSpec, TopicsError};
use crate::view::View;
use ksql_engine::catalog::Catalog;
use ksql_parser::Literal;
use ksql_parser::ast::{Property, SourceKind, StatementKind};

/// Kafka's default retention, for a topic that does not exist yet.
const DEFAULT_RETENTION_MS: i64 = 604_800_000;

/// The settings of the topic of a `CREATE … AS SELECT`, from the `WITH` clause or else from the topic of
/// the leftmost source. The topic retains windows for at least their retention.
pub(super) async fn settings(
    state: &State,
    view: &View,
    kind: &StatementKind,
) -> Result<Option<TopicSettings>, TopicsError> {
    let StatementKind::CreateAs {
        properties, query, ..
    } = kind
    else {
        return Ok(None);
    };
    let with = With(properties);
    let catalog = view.registry.catalog();
    let Some(left) = catalog.source(&query.from.name.name) else {
        return Ok(None);
    };
    let topic = view.topic(&left.topic);
    let retention_ms = match (with.number("RETENTION_MS"), topic) {
        (Some(millis), _) => millis,
        (None, Some(topic)) => {
            let own = state.retention_ms(&topic.name).await?;
            let window = query.window.and_then(|window| window.retention);
            match (own, window) {
                (own, Some(window)) if own >= 0 => own.max(window),
                (own, _) => own,
            }
        }
        (None, None) => DEFAULT_RETENTION_MS,
    };
    let partitions = with
        .count("PARTITIONS")
        .or_else(|| catalog.partitions(&left.topic));
    let replicas = with
        .count("REPLICAS")
        .or_else(|| topic.and_then(|topic| topic.replicas.first().copied()));
    Ok(Some(TopicSettings {
        partitions: partitions.unwrap_or(1),
        replicas: replicas.unwrap_or(1),
        retention_ms,
    }))
}

/// Refuses an existing topic with other settings, and a missing topic.
pub(super) async fn check(
    state: &State,
    view: &View,
    kind: &StatementKind,
    settings: Option<&TopicSettings>,
    sql: &str,
) -> Result<(), ApiError> {
    let (target, properties) = match kind {
        StatementKind::CreateSource {
            target, properties, ..
        }
        | StatementKind::CreateAs {
            target, properties, ..
        } => (target, properties),
        _ => return Ok(()),
    };
    let catalog = view.registry.catalog();
    if catalog.source(&target.name.name).is_some() {
        return Ok(());
    }
    let with = With(properties);
    let name = with.text("KAFKA_TOPIC");
    match settings {
        Some(settings) => {
            let name = name.unwrap_or(&target.name.name);
            let Some(topic) = view.topic(name) else {
                return Ok(());
            };
            let retention_ms = state
                .retention_ms(name)
                .await
                .map_err(|error| ApiError::topics(&error, sql))?;
            check_settings(topic, settings, retention_ms, sql)
        }
        None => declared(view, kind, name, &with, catalog, sql),
    }
}

/// Checks the topic of a declared stream or table.
fn declared(
    view: &View,
    kind: &StatementKind,
    name: Option<&str>,
    with: &With<'_>,
    catalog: &Catalog,
    sql: &str,
) -> Result<(), ApiError> {
    let Some(name) = name else {
        return Ok(());
    };
    let partitions = with.count("PARTITIONS");
    match (view.topic(name), partitions) {
        (Some(topic), Some(partitions)) => {
            let expected = TopicSettings {
                partitions,
                replicas: with.count("REPLICAS").unwrap_or_else(|| replicas(topic)),
                retention_ms: -1,
            };
            check_settings(topic, &expected, -1, sql)
        }
        (None, None) if catalog.partitions(name).is_none() => {
            let example = example(kind, catalog);
            let message = format!(
                "Topic '{name}' does not exist. If you want to create a new topic for the stream/table \
                 please re-run the statement providing the required 'PARTITIONS' configuration in the \
                 WITH clause (and optionally 'REPLICAS'). For example: {example}"
            );
            Err(ApiError::request(BAD_REQUEST, message))
        }
        _ => Ok(()),
    }
}

/// The same statement with a number of partitions.
fn example(kind: &StatementKind, catalog: &Catalog) -> String {
    let text = create(kind, None, catalog).unwrap_or_default();
    text.replace("CLEANUP_POLICY='delete', ", "")
        .replace("CLEANUP_POLICY='compact', ", "")
        .replace(", VALUE_FORMAT=", ", PARTITIONS=2, VALUE_FORMAT=")
}

fn replicas(topic: &Topic) -> u32 {
    topic.replicas.first().copied().unwrap_or(1)
}

fn check_settings(
    topic: &Topic,
    wanted: &TopicSettings,
    retention_ms: i64,
    sql: &str,
) -> Result<(), ApiError> {
    let actual = TopicSettings {
        partitions: topic.partitions(),
        replicas: replicas(topic),
        retention_ms,
    };
    if actual == *wanted {
        return Ok(());
    }
    let message = format!(
        "A Kafka topic with the name '{}' already exists, with different partition/replica/retention \
         configuration than required. KSQL expects {} partitions (topic has {}), {} replication factor \
         (topic has {}), and {} retention (topic has {}).",
        topic.name,
        wanted.partitions,
        actual.partitions,
        wanted.replicas,
        actual.replicas,
        wanted.retention_ms,
        actual.retention_ms
    );
    Err(ApiError::statement(SERVER_ERROR, message, sql))
}

/// The topic to create for a statement.
pub(super) fn spec(
    kind: &StatementKind,
    topic: &str,
    partitions: u32,
    settings: Option<&TopicSettings>,
) -> TopicSpec {
    let (cleanup_policy, properties) = match kind {
        StatementKind::CreateAs {
            kind: SourceKind::Table,
            query,
            properties,
            ..
        } => {
            let policy = match query.window {
                Some(_) => "compact,delete",
                None => "compact",
            };
            (policy, properties.as_slice())
        }
        StatementKind::CreateSource {
            kind: SourceKind::Table,
            properties,
            ..
        } => ("compact", properties.as_slice()),
        StatementKind::CreateAs { properties, .. }
        | StatementKind::CreateSource { properties, .. } => ("delete", properties.as_slice()),
        _ => ("delete", [].as_slice()),
    };
    let with = With(properties);
    TopicSpec {
        name: topic.to_owned(),
        partitions,
        replicas: settings
            .map(|settings| settings.replicas)
            .or_else(|| with.count("REPLICAS")),
        retention_ms: settings
            .map(|settings| settings.retention_ms)
            .or_else(|| with.number("RETENTION_MS")),
        cleanup_policy,
    }
}

/// Access to the properties of a `WITH` clause.
struct With<'a>(&'a [Property]);

impl With<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|property| property.name.name == name);
        match found.map(|property| &property.value) {
            Some(Literal::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<i64> {
        let found = self.0.iter().find(|property| property.name.name == name);
        match found.map(|property| &property.value) {
            Some(Literal::Integer(number)) => Some(*number),
            Some(Literal::Text(text)) => text.parse().ok(),
            _ => None,
        }
    }

    fn count(&self, name: &str) -> Option<u32> {
        self.number(name)
            .and_then(|count| u32::try_from(count).ok())
    }
}
