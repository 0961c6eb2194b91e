//! `SELECT`: from the syntax tree to a plan.

use std::sync::Arc;

use crate::analyse::grouping::{Grouping, has_aggregate};
use crate::analyse::join::{Joined, join};
use crate::analyse::projection::{Item, Stars, is_null, items, rekeyed_items};
use crate::analyse::scope::{BOUNDS, Scope, ScopeSource, is_reserved};
use crate::analyse::typing::Compiler;
use crate::catalog::{Catalog, KeyWindow, Source};
use crate::formats::Format;
use crate::plan::node::Node;
use crate::plan::{OutColumn, QueryPlan, Stage};
use ksql_parser::ast::{Emit, Expr, ExprKind, JoinKind, Query, Relation, SourceKind, WindowKind};
use ksql_parser::error::{Refusal, invalid};

/// The purpose of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Fills a stream or a table.
    Fill(SourceKind),
    /// Sends its changes to a client.
    Listen,
}

fn find(catalog: &Catalog, relation: &Relation) -> Result<Arc<Source>, Refusal> {
    catalog.source(&relation.name.name).cloned().ok_or_else(|| {
        invalid(
            relation.name.at,
            format!("there is no stream or table `{}`", relation.name.name),
        )
    })
}

/// Checks a query and plans it.
pub(crate) fn analyse(
    catalog: &Catalog,
    query: &Query,
    purpose: Purpose,
) -> Result<QueryPlan, Refusal> {
    let mut scope = Scope::default();
    scope.push(&query.from.alias, find(catalog, &query.from)?)?;
    if let [_, third, ..] = query.joins.as_slice() {
        bail!(unsupported at third.at, "only two sources can be joined in one statement");
    }
    let mut joined = None;
    if let Some(written) = query.joins.first() {
        scope.push(&written.relation.alias, find(catalog, &written.relation)?)?;
        joined = Some(join(catalog, &mut scope, written)?);
    }
    let reads_table = scope
        .sources
        .iter()
        .any(|source| source.source.kind == SourceKind::Table);
    let grouped = !query.group_by.is_empty();
    if reads_table && (purpose != Purpose::Listen || grouped) {
        bail!(unsupported at query.from.name.at,
            "queries over tables are supported as SELECT … EMIT CHANGES only, without GROUP BY");
    }
    clauses(query, purpose)?;
    if let (true, Some(first)) = (grouped, query.partition_by.first()) {
        bail!(unsupported at first.at, "GROUP BY and PARTITION BY are not supported together");
    }
    if grouped || !query.joins.is_empty() {
        let in_kafka = |source: &&ScopeSource| source.source.value_format == Format::Kafka;
        if let Some(source) = scope.sources.iter().find(in_kafka) {
            bail!(invalid at query.from.name.at,
                "the values of `{}` are in KAFKA format, which supports neither JOIN nor GROUP BY",
                source.source.name);
        }
    }
    let mut types = scope.types();
    types.extend(joined.as_ref().map(|joined| joined.key_type.clone()));
    let compiler = Compiler::new(&types);
    let filter = match &query.filter {
        Some(filter) => Some(compiler.predicate(&scope.resolve(filter)?, "WHERE")?),
        None => None,
    };
    let persistent = purpose != Purpose::Listen;
    let bounds = [types.len(), types.len() + 1];
    let mut wide = scope.clone();
    if query.window.is_some() {
        wide.extra.extend(BOUNDS.into_iter().zip(bounds));
    }
    let stars = if persistent {
        Stars::Columns
    } else {
        Stars::WithBounds
    };
    let rekeyed = is_rekeyed(&scope, joined.as_ref(), &query.partition_by)?;
    let items = match rekeyed {
        true => rekeyed_items(&query.items, &query.partition_by, &wide, stars)?,
        false => items(&query.items, &wide, stars)?,
    };
    let is_final = matches!(query.emit, Some((Emit::Final, _)));
    let (stage, columns, window) = if grouped {
        if scope
            .sources
            .iter()
            .any(|source| source.source.window.is_some())
        {
            bail!(invalid at query.at, "a stream with windowed keys cannot be grouped");
        }
        let group_by = resolve_all(&scope, &query.group_by)?;
        let grouping = Grouping {
            at: query.at,
            types: &types,
            moves: !is_key(&scope, joined.as_ref(), &group_by),
            group_by,
            items: &items,
            having: match &query.having {
                Some(having) => Some(wide.resolve(having)?),
                None => None,
            },
            window: query.window,
            is_final,
            bounds,
            needs_key: persistent,
        };
        let (plan, columns) = grouping.plan()?;
        let window = query.window.map(|window| KeyWindow {
            hopping: window.kind == WindowKind::Hopping,
            size_ms: window.size,
        });
        (Stage::Aggregate(plan), columns, window)
    } else {
        not_grouped(query, &items)?;
        let (stage, columns) = rows(&scope, joined.as_ref(), query, &items, compiler, persistent)?;
        let window = scope
            .sources
            .first()
            .and_then(|source| source.source.window);
        (stage, columns, window)
    };
    let reserved = columns.iter().find(|column| is_reserved(&column.name));
    if let (true, Some(column)) = (persistent, reserved) {
        bail!(invalid at query.at,
            "`{}` is a reserved name: rename the column with AS", column.name);
    }
    if persistent && columns.iter().all(|column| column.key.is_some()) {
        bail!(invalid at query.at, "the SELECT contains only the key: add a value column");
    }
    Ok(QueryPlan {
        inputs: scope
            .sources
            .into_iter()
            .map(|source| source.source)
            .collect(),
        join: joined.map(|joined| joined.plan),
        filter,
        stage,
        columns,
        window,
        limit: query.limit.map(|(limit, _)| limit),
    })
}

fn clauses(query: &Query, purpose: Purpose) -> Result<(), Refusal> {
    let grouped = !query.group_by.is_empty();
    match (query.emit, purpose) {
        (Some((Emit::Final, at)), _) if !grouped || query.window.is_none() => {
            bail!(invalid at at, "EMIT FINAL needs a WINDOW and a GROUP BY");
        }
        (None, Purpose::Listen) => {
            bail!(unsupported at query.at,
                "pull queries are not supported: end the SELECT with EMIT CHANGES");
        }
        _ => {}
    }
    if let (Purpose::Fill(_), Some((_, at))) = (purpose, query.limit) {
        bail!(invalid at at, "CREATE … AS SELECT does not support LIMIT");
    }
    match purpose {
        Purpose::Fill(SourceKind::Stream) if grouped => Err(invalid(
            query.at,
            "the result of a GROUP BY is a table: write CREATE TABLE",
        )),
        Purpose::Fill(SourceKind::Table) if !grouped && !query.items.is_empty() => {
            not_grouped(query, &[])?;
            Err(invalid(
                query.at,
                "the result of this SELECT is a stream: write CREATE STREAM",
            ))
        }
        _ => Ok(()),
    }
}

fn not_grouped(query: &Query, items: &[Item]) -> Result<(), Refusal> {
    if let Some(having) = &query.having {
        bail!(invalid at having.at, "HAVING needs a GROUP BY");
    }
    if let Some(window) = &query.window {
        bail!(invalid at window.at, "WINDOW needs a GROUP BY");
    }
    match items.iter().find(|item| has_aggregate(&item.expr)) {
        Some(item) => Err(invalid(item.expr.at, "an aggregate needs a GROUP BY")),
        None => Ok(()),
    }
}

fn resolve_all(scope: &Scope, exprs: &[Expr]) -> Result<Vec<Expr>, Refusal> {
    exprs.iter().map(|expr| scope.resolve(expr)).collect()
}

/// Whether the expressions are the current key of the rows.
fn is_key(scope: &Scope, joined: Option<&Joined>, exprs: &[Expr]) -> bool {
    let slot = |expr: &Expr| match expr.kind {
        ExprKind::Slot(slot) => Some(slot),
        _ => None,
    };
    match joined {
        Some(joined) => match exprs {
            [expr] => slot(expr).is_some_and(|slot| {
                slot == joined.key_slot || joined.columns.contains(&Some(slot))
            }),
            _ => false,
        },
        None => {
            let keys = scope
                .sources
                .first()
                .map_or(0, |source| source.source.schema.key.len());
            exprs.len() == keys
                && exprs
                    .iter()
                    .enumerate()
                    .all(|(index, expr)| slot(expr) == Some(index))
        }
    }
}

/// Whether `PARTITION BY` changes the key of the rows.
fn is_rekeyed(
    scope: &Scope,
    joined: Option<&Joined>,
    partition_by: &[Expr],
) -> Result<bool, Refusal> {
    let Some(first) = partition_by.first() else {
        return Ok(false);
    };
    if is_key(scope, joined, &resolve_all(scope, partition_by)?) {
        return Ok(false);
    }
    let mut sources = scope.sources.iter();
    if joined.is_some() || sources.any(|source| source.source.window.is_some()) {
        bail!(unsupported at first.at,
            "PARTITION BY is supported on one stream without windowed keys");
    }
    Ok(true)
}

/// A projection without grouping.
fn rows(
    scope: &Scope,
    joined: Option<&Joined>,
    query: &Query,
    items: &[Item],
    compiler: Compiler<'_>,
    persistent: bool,
) -> Result<(Stage, Vec<OutColumn>), Refusal> {
    let partition_by = resolve_all(scope, &query.partition_by)?;
    let to_null = matches!(partition_by.as_slice(), [expr] if is_null(expr));
    let rekeyed = is_rekeyed(scope, joined, &query.partition_by)?;
    if !query.partition_by.is_empty()
        && scope
            .sources
            .iter()
            .any(|source| source.source.kind == SourceKind::Table)
    {
        bail!(invalid at query.at, "a table cannot be repartitioned");
    }
    let expected: Vec<Expr> = match joined {
        _ if to_null => Vec::new(),
        _ if rekeyed => partition_by,
        Some(joined) => vec![join_key(joined, query, items, persistent)?],
        None => {
            let keys = scope
                .sources
                .first()
                .map_or(0, |source| source.source.schema.key.len());
            (0..keys)
                .map(|key| crate::analyse::projection::slot(key, query.at))
                .collect()
        }
    };
    let mut columns: Vec<OutColumn> = Vec::new();
    for item in items {
        let (mut node, ty) = compiler.column(&item.expr)?;
        let key = expected
            .iter()
            .position(|key| *key == item.expr)
            .filter(|_| persistent);
        if key.is_some() && columns.iter().any(|column| column.key == key) {
            bail!(invalid at item.expr.at,
                "the key is in the SELECT twice: use AS_VALUE for the copy");
        }
        if let (Some(_), Some(joined)) = (key, joined) {
            node = Node::Slot(joined.key_slot);
        }
        columns.push(OutColumn {
            name: item.name.clone(),
            ty,
            node,
            key,
        });
    }
    for (index, key) in expected.iter().enumerate() {
        if persistent && !columns.iter().any(|column| column.key == Some(index)) {
            return Err(invalid(query.at, missing_key(scope, key)));
        }
    }
    let stage = if rekeyed || to_null {
        Stage::Rekeyed
    } else {
        Stage::Rows
    };
    Ok((stage, columns))
}

fn missing_key(scope: &Scope, key: &Expr) -> String {
    let name = match key.kind {
        ExprKind::Slot(slot) => scope
            .sources
            .iter()
            .flat_map(|source| source.columns().map(|(name, _)| name).collect::<Vec<_>>())
            .nth(slot),
        _ => None,
    };
    match name {
        Some(name) => format!("the SELECT lacks the key: add \"{name}\", under any alias"),
        None => "the SELECT lacks the key: add the expression that the rows are partitioned by"
            .to_owned(),
    }
}

/// The item that becomes the key of a join: the left column if it is selected, else the right one.
fn join_key(
    joined: &Joined,
    query: &Query,
    items: &[Item],
    persistent: bool,
) -> Result<Expr, Refusal> {
    let key = |slot: usize| crate::analyse::projection::slot(slot, query.at);
    let selected = |slot: Option<usize>| {
        slot.filter(|slot| {
            items
                .iter()
                .any(|item| item.expr.kind == ExprKind::Slot(*slot))
        })
    };
    let [left, right] = joined.columns;
    if let Some(slot) = selected(left) {
        return Ok(key(slot));
    }
    let is_left_join = query
        .joins
        .first()
        .is_some_and(|join| join.kind == JoinKind::Left);
    if let Some(slot) = selected(right) {
        if persistent && is_left_join {
            bail!(unsupported at query.at,
                "the SELECT of a LEFT JOIN must contain the left stream's key column");
        }
        return Ok(key(slot));
    }
    if left.is_none() && right.is_none() {
        return Ok(key(joined.key_slot));
    }
    Ok(key(left.or(right).unwrap_or(joined.key_slot)))
}
