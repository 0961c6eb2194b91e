//! `SHOW`, `DESCRIBE` and `EXPLAIN`.

use serde_json::Value;

use crate::entities::{describe, entity, lists, queries};
use crate::error::{ApiError, BAD_STATEMENT};
use crate::properties::Properties;
use crate::state::State;
use ksql_parser::ast::{Listing, SourceKind, StatementKind};

/// The entity of the statement.
pub(super) async fn answer(
    state: &State,
    kind: &StatementKind,
    sql: &str,
    properties: &Properties,
) -> Result<Value, ApiError> {
    let view = match has_text(kind) {
        true => state.view_with_retentions().await,
        false => state.view().await,
    };
    let view = view.map_err(|error| ApiError::topics(&error, sql))?;
    let missing = |what: &str| {
        // Another request dropped it after the check.
        ApiError::statement(BAD_STATEMENT, format!("{what} no longer exists"), sql)
    };
    match kind {
        StatementKind::Show { what, extended } => Ok(match what {
            Listing::Streams => lists::sources(&view, SourceKind::Stream, *extended, sql),
            Listing::Tables => lists::sources(&view, SourceKind::Table, *extended, sql),
            Listing::Queries => queries::list(&view, *extended, &state.host, sql),
            Listing::Topics => lists::topics(&view, false, *extended, sql),
            Listing::AllTopics => lists::topics(&view, true, *extended, sql),
            Listing::Properties => {
                lists::properties(properties, &state.kafka.bootstrap_servers, sql)
            }
            Listing::Functions => lists::functions(sql),
            // The client substitutes variables itself.
            Listing::Variables => entity("variables", sql, "variables", Vec::<Value>::new()),
        }),
        StatementKind::Describe { name, extended } => {
            let source = view.registry.catalog().source(&name.name);
            let source = source.ok_or_else(|| missing(&name.name))?;
            Ok(describe::entity(&view, source, *extended, sql))
        }
        StatementKind::Explain { query } => {
            let mut running = view.registry.queries().iter();
            let found = running.find(|running| running.id == query.name);
            let found = found.ok_or_else(|| missing(&query.name))?;
            Ok(queries::explain(&view, found, &state.host, sql))
        }
        _ => Err(ApiError::statement(
            BAD_STATEMENT,
            "this statement is not supported here",
            sql,
        )),
    }
}

/// Whether the response contains the text of a stream, table or query.
fn has_text(kind: &StatementKind) -> bool {
    match kind {
        StatementKind::Show { what, extended } => *extended || matches!(what, Listing::Queries),
        _ => true,
    }
}
