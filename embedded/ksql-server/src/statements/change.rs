//! Statements that change what is declared or running.

use serde_json::Value;

use crate::commands::{Command, already_exists, creation_id};
use crate::error::ApiError;
use crate::properties::Properties;
use crate::sql::name;
use crate::state::State;
use crate::statements::sink;
use ksql_engine::registry::{Effect, Executed};
use ksql_parser::ast::{SourceKind, StatementKind};

const NO_GRACE: &str = "DEPRECATION NOTICE: Stream-stream joins statements without a GRACE PERIOD \
    will not be accepted in a future ksqlDB version.\nPlease use the GRACE PERIOD clause as \
    specified in https://docs.ksqldb.io/en/latest/developer-guide/ksqldb-reference/select-push-query/";

/// Creates the topic that the statement needs, executes it, and returns the result.
pub(super) async fn execute(
    state: &State,
    kind: &StatementKind,
    sql: &str,
    properties: &Properties,
) -> Result<Value, ApiError> {
    create_topic(state, kind, sql).await?;
    let script = format!("{}{sql}", properties.prelude());
    let executed = state
        .runtime
        .execute_isolated(&script)
        .await
        .map_err(|error| ApiError::runtime(&error, sql))?;
    let effects = executed.last().map_or([].as_slice(), effects);
    if let Some(Effect::Nothing(reason)) = effects.first()
        && !matches!(kind, StatementKind::Drop { .. })
    {
        return Ok(already_exists(reason, sql));
    }
    delete_topic(state, effects, sql).await?;
    let text = statement_text(state, kind, effects, sql).await?;
    let sequence = |command: &Command| state.commands().add(command.clone());
    let command = command(kind, effects);
    Ok(command.entity(sequence(&command), &warnings(kind), &text))
}

fn effects(executed: &Executed) -> &[Effect] {
    &executed.effects
}

async fn create_topic(state: &State, kind: &StatementKind, sql: &str) -> Result<(), ApiError> {
    let failed = |error| ApiError::topics(&error, sql);
    let view = state.view().await.map_err(failed)?;
    let mut trial = view.registry.clone();
    let executed = trial
        .execute(sql)
        .map_err(|error| ApiError::refused(&error, sql))?;
    for effect in executed.iter().flat_map(effects) {
        if let Effect::CreateTopic { topic, partitions } = effect {
            let settings = sink::settings(state, &view, kind).await.map_err(failed)?;
            let spec = sink::spec(kind, topic, *partitions, settings.as_ref());
            state.topics.create(spec).await.map_err(failed)?;
            state.runtime.mark_created(topic);
        }
    }
    Ok(())
}

async fn delete_topic(state: &State, effects: &[Effect], sql: &str) -> Result<(), ApiError> {
    for effect in effects {
        if let Effect::Dropped {
            source,
            delete_topic: true,
        } = effect
        {
            let deleted = state.topics.delete(&source.topic).await;
            deleted.map_err(|error| ApiError::topics(&error, sql))?;
        }
    }
    Ok(())
}

/// The statement in ksqlDB's own form.
async fn statement_text(
    state: &State,
    kind: &StatementKind,
    effects: &[Effect],
    sql: &str,
) -> Result<String, ApiError> {
    if let StatementKind::Drop {
        kind,
        if_exists,
        name: source,
        delete_topic: true,
    } = kind
    {
        let kind = match kind {
            SourceKind::Stream => "STREAM",
            SourceKind::Table => "TABLE",
        };
        let if_exists = if *if_exists { "IF EXISTS " } else { "" };
        return Ok(format!("DROP {kind} {if_exists}{};", name(&source.name)));
    }
    let created = effects
        .iter()
        .any(|effect| matches!(effect, Effect::Declared(_) | Effect::Start(_)));
    if !created {
        return Ok(sql.to_owned());
    }
    let view = state
        .view_with_retentions()
        .await
        .map_err(|error| ApiError::topics(&error, sql))?;
    let text = effects.iter().find_map(|effect| match effect {
        Effect::Declared(source) => Some(view.text_of_source(source)),
        Effect::Start(query) => Some(view.text_of_query(query)),
        _ => None,
    });
    Ok(text.unwrap_or_else(|| sql.to_owned()))
}

fn warnings(kind: &StatementKind) -> Vec<&'static str> {
    let query = match kind {
        StatementKind::CreateAs { query, .. } | StatementKind::InsertInto { query, .. } => query,
        _ => return Vec::new(),
    };
    let without_grace = query
        .joins
        .iter()
        .any(|join| join.within.is_some_and(|within| within.grace.is_none()));
    if without_grace {
        vec![NO_GRACE]
    } else {
        Vec::new()
    }
}

fn command(kind: &StatementKind, effects: &[Effect]) -> Command {
    let plain = |id: String, message: String| Command {
        id,
        message,
        query: None,
    };
    let started = effects.iter().find_map(|effect| match effect {
        Effect::Start(query) => Some(query),
        _ => None,
    });
    if let Some(query) = started {
        return Command {
            id: creation_id(query.sink.kind, &query.sink.name),
            message: format!("Created query with ID {}", query.id),
            query: Some(query.id.clone()),
        };
    }
    match kind {
        StatementKind::Terminate { query } => {
            let id = query.as_ref().map_or("ALL", |query| query.name.as_str());
            plain(
                format!("terminate/{id}/execute"),
                "Query terminated.".to_owned(),
            )
        }
        StatementKind::Drop {
            kind,
            name: dropped,
            ..
        } => {
            let kind = match kind {
                SourceKind::Stream => "stream",
                SourceKind::Table => "table",
            };
            let topic = effects.iter().find_map(|effect| match effect {
                Effect::Dropped { source, .. } => Some(source.topic.as_str()),
                _ => None,
            });
            let message = match topic {
                Some(topic) => format!("Source `{}` (topic: {topic}) was dropped.", dropped.name),
                None => format!("Source `{}` does not exist.", dropped.name),
            };
            plain(format!("{kind}/{}/drop", dropped.name), message)
        }
        StatementKind::CreateSource { kind, target, .. }
        | StatementKind::CreateAs { kind, target, .. } => {
            let message = match kind {
                SourceKind::Stream => "Stream created",
                SourceKind::Table => "Table created",
            };
            plain(creation_id(*kind, &target.name.name), message.to_owned())
        }
        _ => plain(String::new(), String::new()),
    }
}
