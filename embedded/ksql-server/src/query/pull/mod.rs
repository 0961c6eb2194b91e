//! Pull queries, `SELECT …` without `EMIT`: the current rows.

mod lookup;
mod scan;
mod selection;

use axum::response::Response;

use crate::error::{ApiError, BAD_STATEMENT};
use crate::query::plan;
use crate::query::rows::Encoding;
use crate::state::Shared;
use crate::view::View;
use ksql_parser::ast::{ExprKind, Query, SelectItem, SourceKind};

const HINT: &str = "Add EMIT CHANGES if you intended to issue a push query.";

/// Answers a pull query of a supported form.
pub(super) async fn answer(
    state: &Shared,
    view: &View,
    query: &Query,
    text: &str,
    encoding: Encoding,
) -> Result<Response, ApiError> {
    let refused = |message: String| ApiError::statement(BAD_STATEMENT, message, text);
    if let Some(reason) = unsupported_reason(query) {
        return Err(refused(format!("{reason}\n{HINT}")));
    }
    let catalog = view.registry.catalog();
    let Some(source) = catalog.source(&query.from.name.name) else {
        return Err(refused(format!("{} does not exist.", query.from.name.name)));
    };
    let plan = plan(catalog, query, text)?;
    if source.kind == SourceKind::Stream {
        let partitions = catalog.partitions(&source.topic).unwrap_or(1);
        return scan::answer(state, plan, partitions, encoding);
    }
    let Some(filled_by) = view.writers(&source.name).next() else {
        return Err(refused(format!(
            "The `{}` table isn't queryable: no query of the form CREATE TABLE … AS SELECT … \
             GROUP BY fills it. {HINT}",
            source.name
        )));
    };
    lookup::answer(state, plan, filled_by, encoding).await
}

/// Why a query cannot be a pull query.
fn unsupported_reason(query: &Query) -> Option<String> {
    let several = !query.joins.is_empty() || !query.group_by.is_empty() || query.window.is_some();
    if several || !query.partition_by.is_empty() || query.having.is_some() {
        return Some(
            "Pull queries don't support JOIN, WINDOW, GROUP BY, PARTITION BY or HAVING clauses."
                .to_owned(),
        );
    }
    let pseudo = query.items.iter().find_map(|item| match item {
        SelectItem::Expr { expr, .. } => match &expr.kind {
            ExprKind::Column { name, .. } => ["ROWPARTITION", "ROWOFFSET"]
                .into_iter()
                .find(|pseudo| *pseudo == name.name),
            _ => None,
        },
        SelectItem::All { .. } => None,
    })?;
    Some(format!(
        "Pull queries don't support the following columns in SELECT clauses: `{pseudo}`\n \
         See https://cnfl.io/queries for more info."
    ))
}
