//! Unknown names in a statement, with ksqlDB's messages.

use crate::error::{ApiError, BAD_STATEMENT};
use crate::view::View;
use ksql_engine::catalog::Catalog;
use ksql_parser::ast::{Query, SourceKind, StatementKind};

/// The message for the first unknown source of a query.
pub(crate) fn unknown_source(query: &Query, catalog: &Catalog) -> Option<String> {
    let joined = query.joins.iter().map(|join| &join.relation);
    std::iter::once(&query.from)
        .chain(joined)
        .find(|relation| catalog.source(&relation.name.name).is_none())
        .map(|relation| {
            format!(
                "Exception while preparing statement: {} does not exist.",
                relation.name.name
            )
        })
}

/// Refuses a statement about something that does not exist or is in use.
pub(super) fn check(view: &View, kind: &StatementKind, sql: &str) -> Result<(), ApiError> {
    let catalog = view.registry.catalog();
    let has_query = |id: &str| view.registry.queries().iter().any(|query| query.id == id);
    let message = match kind {
        StatementKind::CreateAs { query, .. }
        | StatementKind::InsertInto { query, .. }
        | StatementKind::Select(query) => unknown_source(query, catalog),
        StatementKind::Describe { name, .. } if catalog.source(&name.name).is_none() => {
            Some(format!(
                "Could not find STREAM/TABLE '{}' in the Metastore",
                name.name
            ))
        }
        StatementKind::Explain { query } if !has_query(&query.name) => Some(format!(
            "Query with id:{} does not exist, use SHOW QUERIES to view the full set of queries.",
            query.name
        )),
        StatementKind::Terminate { query: Some(query) } if !has_query(&query.name) => {
            Some(format!("Unknown queryId: {}", query.name))
        }
        StatementKind::Drop {
            kind,
            if_exists,
            name,
            ..
        } => match catalog.source(&name.name) {
            None if *if_exists => None,
            None => {
                let kind = match kind {
                    SourceKind::Stream => "Stream",
                    SourceKind::Table => "Table",
                };
                Some(format!("{kind} {} does not exist.", name.name))
            }
            Some(_) => in_use(view, &name.name),
        },
        _ => None,
    };
    match message {
        Some(message) => Err(ApiError::statement(BAD_STATEMENT, message, sql)),
        None => Ok(()),
    }
}

fn in_use(view: &View, name: &str) -> Option<String> {
    let readers = view.dependents(name);
    (!readers.is_empty()).then(|| {
        format!(
            "Cannot drop {name}.\n\
             The following streams and/or tables read from this source: [{}].\n\
             You need to drop them before dropping {name}.",
            readers.join(", ")
        )
    })
}
