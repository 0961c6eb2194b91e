//! Statements whose response is rows: push queries, pull queries and `PRINT`.

mod body;
mod pull;
mod push;
mod rows;

mod print;
mod print_format;

use std::sync::Arc;

use axum::response::Response;

pub(crate) use rows::Encoding;

use crate::error::{ApiError, BAD_REQUEST, BAD_STATEMENT};
use crate::properties::Properties;
use crate::state::Shared;
use crate::statements::unknown_source;
use ksql_engine::catalog::Catalog;
use ksql_engine::plan::QueryPlan;
use ksql_parser::ast::{Emit, Query, SourceKind, StatementKind};
use ksql_parser::parse_script;

/// Answers the statement of a request with rows.
pub(crate) async fn answer(
    state: Shared,
    text: &str,
    properties: &Properties,
    encoding: Encoding,
) -> Result<Response, ApiError> {
    let statements = parse_script(text).map_err(|error| ApiError::refused(&error, text))?;
    let [statement] = statements.as_slice() else {
        let message = format!(
            "{} statements; exactly one is executed at a time",
            statements.len()
        );
        return Err(ApiError::statement(BAD_STATEMENT, message, text));
    };
    match &statement.kind {
        StatementKind::Select(query) => select(state, query, text, properties, encoding).await,
        StatementKind::Print {
            topic,
            from_beginning,
            interval,
            limit,
        } => {
            let request = print::Print {
                topic: topic.name.clone(),
                from_beginning: *from_beginning || properties.reads_from_beginning() == Some(true),
                interval: interval.unwrap_or(1).max(1),
                limit: *limit,
            };
            print::answer(state, request).await
        }
        _ => Err(ApiError::request(
            BAD_REQUEST,
            "Statement type not supported for this resource: it takes SELECT and PRINT; \
             send everything else to /ksql",
        )),
    }
}

async fn select(
    state: Shared,
    query: &Query,
    text: &str,
    properties: &Properties,
    encoding: Encoding,
) -> Result<Response, ApiError> {
    let view = state
        .view()
        .await
        .map_err(|error| ApiError::topics(&error, text))?;
    let catalog = view.registry.catalog();
    if let Some(message) = unknown_source(query, catalog) {
        return Err(ApiError::statement(BAD_STATEMENT, message, text));
    }
    let is_table = |plan: &QueryPlan| plan.sources().any(|s| s.kind == SourceKind::Table);
    if query.emit.is_none() {
        return pull::answer(&state, &view, query, text, encoding).await;
    }
    let plan = plan(catalog, query, text)?;
    let from_beginning = properties
        .reads_from_beginning()
        .unwrap_or_else(|| is_table(&plan));
    push::answer(&state, plan, from_beginning, encoding)
}

/// The plan of a `SELECT`, as if it had `EMIT CHANGES`.
fn plan(catalog: &Catalog, query: &Query, text: &str) -> Result<Arc<QueryPlan>, ApiError> {
    let mut query = query.clone();
    query.emit = query.emit.or(Some((Emit::Changes, query.at)));
    let plan = catalog.plan_select(&query, text);
    plan.map(Arc::new)
        .map_err(|error| ApiError::refused(&error, text))
}

/// Acquires the slot of an open query.
fn acquire_slot(state: &Shared) -> Result<tokio::sync::OwnedSemaphorePermit, ApiError> {
    Arc::clone(&state.query_slots)
        .try_acquire_owned()
        .map_err(|_| {
            let message = format!(
                "{} queries are open, which is the limit: close one first",
                state.limits.open_queries
            );
            ApiError::request(BAD_REQUEST, message)
        })
}
