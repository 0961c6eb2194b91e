//! The `SELECT` list: expands `*` and names the columns.

use std::collections::HashSet;

use crate::analyse::scope::{BOUNDS, ROWKEY, Scope, ScopeSource};
use ksql_parser::Literal;
use ksql_parser::ast::{Expr, ExprKind, Ident, SelectItem};
use ksql_parser::error::{Refusal, unsupported};

/// The maximum number of columns in a source or a projection.
const MAX_COLUMNS: usize = 4_000;

/// Refuses too many columns.
pub(crate) fn check_columns(count: usize, at: usize) -> Result<(), Refusal> {
    if count <= MAX_COLUMNS {
        return Ok(());
    }
    Err(unsupported(
        at,
        format!("more than {MAX_COLUMNS} columns are not supported"),
    ))
}

/// One column of the projection.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    /// With slots instead of names.
    pub(crate) expr: Expr,
}

/// What `*` includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stars {
    /// Only the columns, for a persistent query.
    Columns,
    /// Also the bounds of the window, for a transient query.
    WithBounds,
}

/// All columns of the projection, with distinct names.
pub(crate) fn items(
    list: &[SelectItem],
    scope: &Scope,
    stars: Stars,
) -> Result<Vec<Item>, Refusal> {
    let mut items: Vec<Item> = Vec::new();
    let mut names: HashSet<String> = HashSet::new();
    let mut generated = 0;
    for entry in list {
        let (new, at) = match entry {
            SelectItem::All { source, at } => (expand(source.as_ref(), *at, scope, stars)?, *at),
            SelectItem::Expr { expr, alias } => {
                let name = match alias {
                    Some(alias) => alias.name.clone(),
                    None => name(expr, scope, &mut generated)?,
                };
                let expr = scope.resolve(expr)?;
                let at = expr.at;
                (vec![Item { name, expr }], at)
            }
        };
        for item in new {
            if !names.insert(item.name.clone()) {
                bail!(invalid at at,
                    "two columns have the name `{}`: give one another alias", item.name);
            }
            items.push(item);
            check_columns(items.len(), at)?;
        }
    }
    Ok(items)
}

/// All columns of a projection of rekeyed rows. In `*`, the new key comes first and the old one last.
pub(crate) fn rekeyed_items(
    list: &[SelectItem],
    keys: &[Expr],
    scope: &Scope,
    stars: Stars,
) -> Result<Vec<Item>, Refusal> {
    let star = list.iter().find_map(|entry| match entry {
        SelectItem::All { source, at } => Some((source.as_ref(), *at)),
        SelectItem::Expr { .. } => None,
    });
    let (source, at) = match star {
        Some(star) if list.len() == 1 => star,
        Some((_, at)) => {
            bail!(unsupported at at,
                "with PARTITION BY, * cannot be combined with other columns: name them");
        }
        None => return items(list, scope, stars),
    };
    let mut items = Vec::new();
    let mut names = HashSet::new();
    let mut generated = 0;
    for key in keys.iter().filter(|key| !is_null(key)) {
        let name = name(key, scope, &mut generated)?;
        let expr = scope.resolve(key)?;
        names.insert(name.clone());
        items.push(Item { name, expr });
    }
    let key_kinds: Vec<ExprKind> = items.iter().map(|key| key.expr.kind.clone()).collect();
    let old_keys: usize = scope
        .sources
        .first()
        .map_or(0, |source| source.source.schema.key.len());
    let mut rest = expand(source, at, scope, stars)?;
    rest.rotate_left(old_keys);
    for item in rest
        .into_iter()
        .filter(|item| !key_kinds.contains(&item.expr.kind))
    {
        if !names.insert(item.name.clone()) {
            bail!(unsupported at at,
                "column `{}` would be selected twice: name the columns", item.name);
        }
        items.push(item);
        check_columns(items.len(), at)?;
    }
    Ok(items)
}

/// Whether it is a bare `NULL`.
pub(crate) fn is_null(expr: &Expr) -> bool {
    expr.kind == ExprKind::Literal(Literal::Null)
}

fn expand(
    only: Option<&Ident>,
    at: usize,
    scope: &Scope,
    stars: Stars,
) -> Result<Vec<Item>, Refusal> {
    let wanted = |source: &&ScopeSource| only.is_none_or(|only| only.name == source.alias);
    let joined = scope.sources.len() > 1;
    let mut items = Vec::new();
    for source in scope.sources.iter().filter(wanted) {
        let keys = source.source.schema.key.len();
        let own = keys + source.source.schema.value.len();
        let columns: Vec<String> = source.columns().map(|(name, _)| name).collect();
        let bounds = columns.iter().position(|name| name == BOUNDS[0]);
        let bounds = bounds
            .filter(|_| stars == Stars::WithBounds)
            .map_or(0..0, |start| start..start + BOUNDS.len());
        for index in (0..keys).chain(bounds).chain(keys..own) {
            let Some(column) = columns.get(index) else {
                continue;
            };
            items.push(Item {
                name: if joined {
                    format!("{}_{column}", source.alias)
                } else {
                    column.clone()
                },
                expr: slot(source.base + index, at),
            });
        }
    }
    if items.is_empty() {
        bail!(invalid at at, "this source is not in the statement");
    }
    if only.is_none()
        && let Some((_, rowkey)) = scope.extra.iter().find(|(name, _)| *name == ROWKEY)
    {
        items.insert(
            0,
            Item {
                name: ROWKEY.to_owned(),
                expr: slot(*rowkey, at),
            },
        );
    }
    Ok(items)
}

/// A reference to a slot.
pub(crate) fn slot(slot: usize, at: usize) -> Expr {
    Expr {
        kind: ExprKind::Slot(slot),
        at,
        height: 1,
    }
}

/// The name of an expression without an alias.
fn name(expr: &Expr, scope: &Scope, generated: &mut usize) -> Result<String, Refusal> {
    let columns = |source: &ScopeSource| source.columns().map(|(name, _)| name).collect::<Vec<_>>();
    match &expr.kind {
        ExprKind::Column { source, name } => {
            let owners = scope
                .sources
                .iter()
                .filter(|candidate| columns(candidate).contains(&name.name))
                .count();
            Ok(match source {
                Some(source) if owners > 1 => format!("{}_{}", source.name, name.name),
                _ => name.name.clone(),
            })
        }
        ExprKind::Field(_, field) => {
            let clash = scope
                .sources
                .iter()
                .any(|source| columns(source).contains(&field.name));
            if clash {
                bail!(unsupported at expr.at,
                    "give this expression an alias: `{}` is also the name of a column", field.name);
            }
            Ok(field.name.clone())
        }
        _ => {
            let reserved = |name: &String| name.starts_with("KSQL_COL_");
            if scope
                .sources
                .iter()
                .any(|source| columns(source).iter().any(reserved))
            {
                bail!(unsupported at expr.at,
                    "give this expression an alias: a source has columns named KSQL_COL_…");
            }
            let name = format!("KSQL_COL_{generated}");
            *generated += 1;
            Ok(name)
        }
    }
}
