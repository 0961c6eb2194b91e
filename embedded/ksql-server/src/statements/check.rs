//! Checks all statements of a request on a copy of the registry.

use crate::error::{ApiError, BAD_STATEMENT, QUERY_ENDPOINT};
use crate::properties::Properties;
use crate::sql::create;
use crate::state::State;
use crate::statements::{names, relocate, sink, text_of};
use crate::view::View;
use ksql_engine::registry::{Effect, Executed};
use ksql_parser::ast::{SourceKind, Statement, StatementKind, Target};
use ksql_parser::error::ErrorKind;

/// Refuses a request unless all of its statements can be executed in order.
pub(super) async fn all(
    state: &State,
    text: &str,
    statements: &[Statement],
    mut properties: Properties,
) -> Result<(), ApiError> {
    let mut view = state
        .view()
        .await
        .map_err(|error| ApiError::topics(&error, text))?;
    for statement in statements {
        let sql = text_of(statement, text);
        match &statement.kind {
            StatementKind::Set { name, value, .. } => properties.set(name, value, sql)?,
            StatementKind::Unset { name, .. } => properties.unset(name, sql)?,
            _ => one(state, &mut view, statement, text).await?,
        }
    }
    Ok(())
}

async fn one(
    state: &State,
    view: &mut View,
    statement: &Statement,
    text: &str,
) -> Result<(), ApiError> {
    let (kind, sql) = (&statement.kind, text_of(statement, text));
    names::check(view, kind, sql)?;
    let settings = sink::settings(state, view, kind)
        .await
        .map_err(|error| ApiError::topics(&error, sql))?;
    sink::check(state, view, kind, settings.as_ref(), sql).await?;
    let shown = || {
        create(kind, settings.as_ref(), view.registry.catalog()).unwrap_or_else(|| sql.to_owned())
    };
    if let Some(message) = name_conflict(view, kind) {
        return Err(ApiError::statement(BAD_STATEMENT, message, shown()));
    }
    let mut trial = view.registry.clone();
    match trial.execute(sql) {
        Ok(executed) => check_deletion(state, &executed, &shown())?,
        Err(error) => {
            let shown = match error.kind {
                ErrorKind::Syntax => text.to_owned(),
                _ => shown(),
            };
            return Err(ApiError::refused(&relocate(error, statement, text), shown));
        }
    }
    if matches!(kind, StatementKind::Select(_) | StatementKind::Print { .. }) {
        let message = "The following statement types should be issued to the websocket endpoint \
                       '/query':\n\t* PRINT\n\t* SELECT";
        return Err(ApiError::statement(QUERY_ENDPOINT, message, sql));
    }
    view.registry = trial;
    Ok(())
}

/// Refuses `DELETE TOPIC` on a broker without deletion, before the source is dropped.
fn check_deletion(state: &State, executed: &[Executed], sql: &str) -> Result<(), ApiError> {
    let mut effects = executed.iter().flat_map(|statement| &statement.effects);
    let deleted = effects.find_map(|effect| match effect {
        Effect::Dropped {
            source,
            delete_topic: true,
        } => Some(&source.topic),
        _ => None,
    });
    match deleted {
        Some(topic) if !state.topics.can_delete() => {
            let message = format!(
                "topic '{topic}' cannot be deleted: this broker does not support deletion; \
                 drop without DELETE TOPIC"
            );
            Err(ApiError::statement(BAD_STATEMENT, message, sql))
        }
        _ => Ok(()),
    }
}

/// The error message if the name already exists.
fn name_conflict(view: &View, statement: &StatementKind) -> Option<String> {
    let (kind, target): (&SourceKind, &Target) = match statement {
        StatementKind::CreateSource { kind, target, .. }
        | StatementKind::CreateAs { kind, target, .. } => (kind, target),
        _ => return None,
    };
    if target.if_not_exists || target.or_replace {
        return None;
    }
    let existing = view.registry.catalog().source(&target.name.name)?;
    let kind_name = |kind: SourceKind| match kind {
        SourceKind::Stream => "stream",
        SourceKind::Table => "table",
    };
    Some(format!(
        "Cannot add {} '{}': A {} with the same name already exists",
        kind_name(*kind),
        target.name.name,
        kind_name(existing.kind)
    ))
}
