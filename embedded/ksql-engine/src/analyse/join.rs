//! Stream-stream joins.

use crate::analyse::scope::{ROWKEY, Scope};
use crate::analyse::typing::Compiler;
use crate::catalog::Catalog;
use crate::plan::{JoinKey, JoinPlan};
use crate::types::SqlType;
use ksql_parser::ast::{CompareOp, Expr, ExprKind, Join, JoinKind, SourceKind};
use ksql_parser::error::{Refusal, invalid};

/// A checked join.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) plan: JoinPlan,
    pub(crate) key_type: SqlType,
    /// The slot of the join key, after all columns.
    pub(crate) key_slot: usize,
    /// The slots of the left and right join column; `None` for another expression.
    pub(crate) columns: [Option<usize>; 2],
}

const DAY_MS: i64 = 86_400_000;

/// Checks a join of the scope's two sources. Names its key ROWKEY if neither side is a column.
pub(crate) fn join(catalog: &Catalog, scope: &mut Scope, join: &Join) -> Result<Joined, Refusal> {
    let at = join.at;
    let [left, right] = scope.sources.as_slice() else {
        bail!(unsupported at at, "only two sources can be joined");
    };
    if left.source.name == right.source.name {
        bail!(invalid at at,
            "`{}` cannot be joined with itself: declare a second stream over its topic",
            left.source.name);
    }
    if left.source.kind == SourceKind::Table || right.source.kind == SourceKind::Table {
        bail!(unsupported at at, "joins with tables are not supported, only stream-stream joins");
    }
    if left.source.window.is_some() || right.source.window.is_some() {
        bail!(unsupported at at, "joins of streams with windowed keys are not supported");
    }
    if !matches!(join.kind, JoinKind::Inner | JoinKind::Left) {
        bail!(unsupported at at, "supported joins are INNER JOIN and LEFT JOIN");
    }
    let Some(within) = join.within else {
        bail!(invalid at at, "a stream-stream join needs WITHIN, such as WITHIN 1 MINUTE");
    };
    if within.before < 0 || within.after < 0 || within.grace.is_some_and(|grace| grace < 0) {
        bail!(invalid at at, "the times of a join must not be negative");
    }
    if within.before == 0 && within.after == 0 && within.grace.is_none() {
        bail!(unsupported at at, "WITHIN 0 needs a GRACE PERIOD");
    }
    let widths = [left.width(), right.width()];
    let counts = [left, right].map(|side| (side, catalog.partitions(&side.source.topic)));
    if let [(left, Some(a)), (right, Some(b))] = counts
        && a != b
    {
        bail!(invalid at at,
            "`{}` has {a} partitions and `{}` has {b}: joined streams need the same number",
            left.alias,
            right.alias);
    }
    let (left_expr, right_expr) = criteria(scope, &join.on)?;
    let boundary = widths[0];
    let types = scope.types();
    let left_typed = Compiler::new(&types).column(&left_expr)?;
    let right_local = shift(&right_expr, boundary)?;
    let right_types = types.get(boundary..).unwrap_or(&[]);
    let right_typed = Compiler::new(right_types).column(&right_local)?;
    if left_typed.1 != right_typed.1 {
        bail!(invalid at join.on.at,
            "the sides of the join condition have different types: {} and {}", left_typed.1, right_typed.1);
    }
    let is_key = |expr: &Expr, side: usize| {
        let source = scope.sources.get(side);
        matches!((&expr.kind, source), (ExprKind::Slot(slot), Some(source))
            if source.source.schema.key.len() == 1 && source.key_of(*slot).is_some())
    };
    let keys = [
        JoinKey {
            moves: !is_key(&left_expr, 0),
            node: left_typed.0,
        },
        JoinKey {
            moves: !is_key(&right_expr, 1),
            node: right_typed.0,
        },
    ];
    if join.kind == JoinKind::Left && keys[0].moves {
        bail!(unsupported at join.on.at,
            "a LEFT JOIN is supported on the left stream's key column only: PARTITION BY it first");
    }
    let column = |expr: &Expr| match expr.kind {
        ExprKind::Slot(slot) => Some(slot),
        _ => None,
    };
    let columns = [column(&left_expr), column(&right_expr)];
    let key_slot = scope.width();
    if columns == [None, None] {
        scope.extra.push((ROWKEY, key_slot));
    }
    let default_grace = (DAY_MS - within.before - within.after).max(0);
    Ok(Joined {
        plan: JoinPlan {
            kind: join.kind,
            before_ms: within.before,
            after_ms: within.after,
            grace_ms: within.grace.unwrap_or(default_grace),
            unmatched_wait: within.grace.is_some(),
            key_type: left_typed.1.clone(),
            keys,
            widths,
        },
        key_type: left_typed.1,
        key_slot,
        columns,
    })
}

/// The two sides of `ON`, the left source's side first.
fn criteria(scope: &Scope, on: &Expr) -> Result<(Expr, Expr), Refusal> {
    let (a, b) = match &on.kind {
        ExprKind::Compare(CompareOp::Equal, a, b) => (scope.resolve(a)?, scope.resolve(b)?),
        ExprKind::And(..) => {
            bail!(invalid at on.at, "a join condition is a single equality, without AND");
        }
        _ => {
            return Err(invalid(
                on.at,
                "a join condition is an equality: ON a.x = b.y",
            ));
        }
    };
    let boundary = scope.sources.get(1).map_or(0, |right| right.base);
    match (side(&a, boundary), side(&b, boundary)) {
        (Some(Side::Left), Some(Side::Right)) => Ok((a, b)),
        (Some(Side::Right), Some(Side::Left)) => Ok((b, a)),
        _ => Err(invalid(
            on.at,
            "each side of the join condition must use the columns of exactly one source",
        )),
    }
}

enum Side {
    Left,
    Right,
}

/// The source of all columns in the expression; `None` if it has no columns, or columns of both.
fn side(expr: &Expr, boundary: usize) -> Option<Side> {
    let uses = |left: bool| {
        crate::analyse::rewrite::any(
            expr,
            &|part| matches!(part.kind, ExprKind::Slot(slot) if (slot < boundary) == left),
        )
    };
    match (uses(true), uses(false)) {
        (true, false) => Some(Side::Left),
        (false, true) => Some(Side::Right),
        _ => None,
    }
}

/// The expression on a row that starts at slot `boundary`.
fn shift(expr: &Expr, boundary: usize) -> Result<Expr, Refusal> {
    crate::analyse::rewrite::rewrite(expr, &mut |part| {
        Ok(match part.kind {
            ExprKind::Slot(slot) => Some(Expr {
                kind: ExprKind::Slot(slot - boundary),
                at: part.at,
                height: part.height,
            }),
            _ => None,
        })
    })
}
