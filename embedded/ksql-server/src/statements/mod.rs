//! The statements of `POST /ksql`: all are checked first, then executed in order.

mod change;
mod check;
mod inspect;
mod names;
mod sink;

use serde_json::Value;

pub(crate) use names::unknown_source;

use crate::error::{ApiError, BAD_REQUEST};
use crate::properties::Properties;
use crate::state::State;
use crate::token::Authorized;
use ksql_parser::ast::{Statement, StatementKind};
use ksql_parser::error::StatementError;
use ksql_parser::parse_script;

/// Executes the statements of a request and returns their entities.
pub(crate) async fn run(
    state: &State,
    text: &str,
    mut properties: Properties,
    Authorized(authorized): Authorized,
) -> Result<Vec<Value>, ApiError> {
    let statements = parse_script(text).map_err(|error| ApiError::refused(&error, text))?;
    if statements.len() > state.limits.statements {
        let message = format!(
            "{} statements in one request, expected at most {}: send them in parts",
            statements.len(),
            state.limits.statements
        );
        return Err(ApiError::request(BAD_REQUEST, message));
    }
    let changes = statements.iter().any(|statement| changes(&statement.kind));
    if changes && !authorized {
        return Err(ApiError::unauthorized("a statement that changes something"));
    }
    let _guard = match changes {
        true => Some(state.executing.lock().await),
        false => None,
    };
    check::all(state, text, &statements, properties.clone()).await?;
    let mut entities = Vec::with_capacity(statements.len());
    for statement in &statements {
        let sql = text_of(statement, text);
        let answer = match &statement.kind {
            StatementKind::Set { name, value, .. } => {
                properties.set(name, value, sql).map(|()| None)
            }
            StatementKind::Unset { name, .. } => properties.unset(name, sql).map(|()| None),
            kind if self::changes(kind) => change::execute(state, kind, sql, &properties)
                .await
                .map(Some),
            kind => inspect::answer(state, kind, sql, &properties)
                .await
                .map(Some),
        };
        match answer {
            Ok(entity) => entities.extend(entity),
            Err(error) => return Err(error.after(entities)),
        }
    }
    Ok(entities)
}

/// Whether the statement changes what is declared or running.
fn changes(kind: &StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::CreateSource { .. }
            | StatementKind::CreateAs { .. }
            | StatementKind::InsertInto { .. }
            | StatementKind::Drop { .. }
            | StatementKind::Terminate { .. }
    )
}

/// The text of the statement.
pub(crate) fn text_of<'t>(statement: &Statement, text: &'t str) -> &'t str {
    text.get(statement.start..statement.end).unwrap_or(text)
}

/// Translates the position of an error from the statement to the request.
pub(crate) fn relocate(error: StatementError, statement: &Statement, text: &str) -> StatementError {
    let before = text.get(..statement.start).unwrap_or("");
    let lines = before.bytes().filter(|byte| *byte == b'\n').count();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let columns = before.get(line_start..).unwrap_or("").chars().count();
    let add =
        |number: u32, more: usize| number.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
    StatementError {
        line: add(error.line, lines),
        column: match error.line {
            1 => add(error.column, columns),
            _ => error.column,
        },
        ..error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_its_position_in_the_request() {
        let text = "SHOW STREAMS;\n  DROP STREAM\nX;";
        let statements = parse_script(text).expect("two statements");
        let error = |line, column| StatementError {
            kind: ksql_parser::error::ErrorKind::Invalid,
            line,
            column,
            message: String::new(),
        };
        let first = relocate(error(1, 6), &statements[1], text);
        assert_eq!((first.line, first.column), (2, 8));
        let second = relocate(error(2, 1), &statements[1], text);
        assert_eq!((second.line, second.column), (3, 1));
    }
}
