//! `SELECT` in ksqlDB's own form.

use std::fmt::Write;
use std::sync::Arc;

use crate::sql::expression::expression;
use crate::sql::{duration, name};
use ksql_engine::catalog::{Catalog, Source};
use ksql_parser::ast::{
    Emit, Expr, ExprKind, Join, JoinKind, Query, Relation, SelectItem, Window, WindowKind,
};

/// Pseudo columns of every record.
const PSEUDO_COLUMNS: [&str; 3] = ["ROWTIME", "ROWPARTITION", "ROWOFFSET"];

/// The sources of a query by their aliases.
pub(super) struct Sources {
    sources: Vec<(String, Arc<Source>)>,
}

impl Sources {
    pub(super) fn of(query: &Query, catalog: &Catalog) -> Self {
        let joined = query.joins.iter().map(|join| &join.relation);
        let sources = std::iter::once(&query.from)
            .chain(joined)
            .filter_map(|relation| {
                let source = catalog.source(&relation.name.name)?;
                Some((relation.alias.name.clone(), Arc::clone(source)))
            })
            .collect();
        Self { sources }
    }

    /// The alias of the only source with that column.
    pub(super) fn owner(&self, column: &str) -> Option<&str> {
        let has = |source: &Source| {
            let own = source.schema.columns().any(|own| own.name == column);
            let bounds = source.window.is_some() && matches!(column, "WINDOWSTART" | "WINDOWEND");
            own || bounds || PSEUDO_COLUMNS.contains(&column)
        };
        let mut owners = self.sources.iter().filter(|(_, source)| has(source));
        match (owners.next(), owners.next()) {
            (Some((alias, _)), None) => Some(alias),
            _ => None,
        }
    }
}

/// The query up to its `EMIT` clause, without a semicolon.
pub(super) fn query(query: &Query, catalog: &Catalog) -> String {
    let sources = Sources::of(query, catalog);
    let mut out = "SELECT".to_owned();
    let items = items(query, &sources);
    match items.as_slice() {
        [only] => {
            out.push(' ');
            out.push_str(only);
        }
        items => {
            out.push_str("\n  ");
            out.push_str(&items.join(",\n  "));
        }
    }
    let _ = write!(out, "\nFROM {}", relation(&query.from));
    for written in &query.joins {
        join(written, &sources, &mut out);
    }
    if let Some(written) = &query.window {
        let _ = write!(out, "\nWINDOW {} ", window(written));
    }
    let list = |exprs: &[Expr]| {
        let exprs: Vec<String> = exprs.iter().map(|e| expression(e, &sources)).collect();
        exprs.join(", ")
    };
    if let Some(filter) = &query.filter {
        let _ = write!(out, "\nWHERE {}", expression(filter, &sources));
    }
    if !query.group_by.is_empty() {
        let _ = write!(out, "\nGROUP BY {}", list(&query.group_by));
    }
    if !query.partition_by.is_empty() {
        let _ = write!(out, "\nPARTITION BY {}", list(&query.partition_by));
    }
    if let Some(having) = &query.having {
        let _ = write!(out, "\nHAVING {}", expression(having, &sources));
    }
    let emit = match query.emit {
        Some((Emit::Final, _)) => "FINAL",
        // A persistent query without a clause emits changes.
        _ => "CHANGES",
    };
    let _ = write!(out, "\nEMIT {emit}");
    out
}

fn items(query: &Query, sources: &Sources) -> Vec<String> {
    let mut generated = 0;
    let item = |item: &SelectItem| match item {
        SelectItem::All { source: None, .. } => "*".to_owned(),
        SelectItem::All {
            source: Some(source),
            ..
        } => format!("{}.*", name(&source.name)),
        SelectItem::Expr { expr, alias } => {
            let alias = match (alias, &expr.kind) {
                (Some(alias), _) => alias.name.clone(),
                (None, ExprKind::Column { name: column, .. }) => column.name.clone(),
                (None, ExprKind::Field(_, field)) => field.name.clone(),
                (None, _) => {
                    generated += 1;
                    format!("KSQL_COL_{}", generated - 1)
                }
            };
            format!("{} {}", expression(expr, sources), name(&alias))
        }
    };
    query.items.iter().map(item).collect()
}

fn relation(relation: &Relation) -> String {
    format!(
        "{} {}",
        name(&relation.name.name),
        name(&relation.alias.name)
    )
}

fn join(join: &Join, sources: &Sources, out: &mut String) {
    let kind = match join.kind {
        JoinKind::Inner => "INNER",
        JoinKind::Left => "LEFT OUTER",
        JoinKind::Right => "RIGHT OUTER",
        JoinKind::Outer => "FULL OUTER",
    };
    let _ = write!(out, "\n{kind} JOIN {}", relation(&join.relation));
    if let Some(within) = join.within {
        let (before, after) = (duration(within.before), duration(within.after));
        let _ = if before == after {
            write!(out, " WITHIN {before}")
        } else {
            write!(out, " WITHIN ({before}, {after})")
        };
        if let Some(grace) = within.grace {
            let _ = write!(out, " GRACE PERIOD {}", duration(grace));
        }
    }
    let _ = write!(out, " ON ({})", expression(&join.on, sources));
}

fn window(window: &Window) -> String {
    let mut parts = Vec::new();
    let kind = match window.kind {
        WindowKind::Tumbling => "TUMBLING",
        WindowKind::Hopping => "HOPPING",
        WindowKind::Session => "SESSION",
    };
    let size = duration(window.size);
    parts.push(match window.kind {
        WindowKind::Session => size,
        _ => format!("SIZE {size}"),
    });
    if window.kind == WindowKind::Hopping {
        parts.push(format!("ADVANCE BY {}", duration(window.advance)));
    }
    if let Some(retention) = window.retention {
        parts.push(format!("RETENTION {}", duration(retention)));
    }
    if let Some(grace) = window.grace {
        parts.push(format!("GRACE PERIOD {}", duration(grace)));
    }
    format!("{kind} ( {} )", parts.join(" , "))
}
