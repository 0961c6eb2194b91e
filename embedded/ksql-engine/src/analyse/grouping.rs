//! `GROUP BY`, aggregates, `HAVING` and windows.

use crate::analyse::projection::{Item, slot};
use crate::analyse::rewrite::{any, rewrite};
use crate::analyse::typing::{Compiler, unknown_function};
use crate::functions::{aggregate, scalar};
use crate::plan::node::Node;
use crate::plan::{AggregateCall, AggregatePlan, OutColumn, WindowPlan};
use crate::schema::Column;
use crate::types::SqlType;
use crate::value::Value;
use ksql_parser::ast::{Expr, ExprKind, Window, WindowKind};
use ksql_parser::error::{Refusal, invalid, unsupported};

const DAY_MS: i64 = 86_400_000;
/// Each window of a row takes memory and time.
const MAX_WINDOWS: i64 = 10_000;

/// A grouped query with resolved names.
pub(crate) struct Grouping<'q> {
    /// Byte offset of the query.
    pub(crate) at: usize,
    /// The types of the input rows.
    pub(crate) types: &'q [SqlType],
    pub(crate) group_by: Vec<Expr>,
    pub(crate) items: &'q [Item],
    pub(crate) having: Option<Expr>,
    pub(crate) window: Option<Window>,
    pub(crate) is_final: bool,
    /// Whether the group differs from the record's key, so that rows change partition.
    pub(crate) moves: bool,
    /// The slots of the window's start and end in items and `HAVING`.
    pub(crate) bounds: [usize; 2],
    /// Whether each group column must be in the projection exactly once.
    pub(crate) needs_key: bool,
}

/// Whether the expression contains an aggregate.
pub(crate) fn has_aggregate(expr: &Expr) -> bool {
    any(expr, &|part| match &part.kind {
        ExprKind::CountAll => true,
        ExprKind::Call { name, .. } => aggregate::find(&name.name).is_some(),
        _ => false,
    })
}

impl Grouping<'_> {
    /// The plan and the columns of the projection.
    pub(crate) fn plan(self) -> Result<(AggregatePlan, Vec<OutColumn>), Refusal> {
        let before = Compiler::new(self.types);
        let mut group_by = Vec::new();
        let mut after_types = Vec::new();
        for expr in &self.group_by {
            let (node, ty) = before.column(expr)?;
            group_by.push(node);
            after_types.push(ty);
        }
        after_types.extend([SqlType::BigInt, SqlType::BigInt]);
        let mut calls = Calls {
            before,
            seen: Vec::new(),
            plans: Vec::new(),
            types: after_types,
        };
        let mut lowered = Vec::new();
        for item in self.items {
            lowered.push(self.lower(&item.expr, &mut calls, "the SELECT")?);
        }
        let having = match &self.having {
            Some(having) => {
                let is_bound = |part: &Expr| match part.kind {
                    ExprKind::Slot(number) => self.bounds.contains(&number),
                    _ => false,
                };
                if any(having, &is_bound) {
                    bail!(invalid at having.at,
                        "WINDOWSTART and WINDOWEND are allowed in the SELECT, but not in HAVING");
                }
                Some(self.lower(having, &mut calls, "HAVING")?)
            }
            None => None,
        };
        if calls.plans.is_empty() {
            bail!(invalid at self.at, "GROUP BY needs an aggregate in the SELECT or in HAVING");
        }
        let after = Compiler::new(&calls.types);
        let having = match &having {
            Some(having) => Some(after.predicate(having, "HAVING")?),
            None => None,
        };
        let mut columns: Vec<OutColumn> = Vec::new();
        for (item, expr) in self.items.iter().zip(&lowered) {
            let (node, ty) = after.column(expr)?;
            let key = self.group_by.iter().position(|group| *group == item.expr);
            if key.is_some() && self.needs_key && columns.iter().any(|column| column.key == key) {
                bail!(invalid at item.expr.at,
                    "the key is in the SELECT twice: use AS_VALUE for the copy");
            }
            columns.push(OutColumn {
                name: item.name.clone(),
                ty,
                node,
                key: key.filter(|_| self.needs_key),
            });
        }
        let mut group_columns = Vec::new();
        for (index, expr) in self.group_by.iter().enumerate() {
            let named = columns.iter().find(|column| column.key == Some(index));
            if named.is_none() && self.needs_key {
                bail!(invalid at expr.at,
                    "the SELECT must contain every GROUP BY expression: they form the key");
            }
            group_columns.push(Column {
                name: named.map_or_else(|| format!("KEY_{index}"), |column| column.name.clone()),
                ty: calls.types.get(index).cloned().unwrap_or(SqlType::Varchar),
            });
        }
        let window = match self.window {
            Some(window) => Some(check_window(&window, self.is_final)?),
            None if self.is_final => {
                bail!(invalid at self.at, "EMIT FINAL needs a WINDOW");
            }
            None => None,
        };
        let plan = AggregatePlan {
            group_by,
            group_columns,
            moves: self.moves,
            calls: calls.plans,
            window,
            is_final: self.is_final,
            having,
        };
        Ok((plan, columns))
    }

    /// The expression on the row after grouping: group columns, window bounds, aggregate results.
    fn lower(&self, expr: &Expr, calls: &mut Calls<'_>, place: &str) -> Result<Expr, Refusal> {
        let groups = self.group_by.len();
        rewrite(expr, &mut |part| {
            if let Some(index) = self.group_by.iter().position(|group| group == part) {
                return Ok(Some(slot(index, part.at)));
            }
            match &part.kind {
                ExprKind::Slot(number) => {
                    let bound = self.bounds.iter().position(|bound| bound == number);
                    match bound {
                        Some(index) if self.window.is_some() => {
                            Ok(Some(slot(groups + index, part.at)))
                        }
                        _ => Err(invalid(
                            part.at,
                            format!(
                                "a column in {place} must be in the GROUP BY or inside an aggregate"
                            ),
                        )),
                    }
                }
                ExprKind::CountAll => calls.add(part, "COUNT", &[]).map(Some),
                ExprKind::Call { name, args } if aggregate::find(&name.name).is_some() => {
                    calls.add(part, &name.name, args).map(Some)
                }
                ExprKind::Call { name, .. } if scalar::find(&name.name).is_none() => {
                    Err(unknown_function(name))
                }
                _ => Ok(None),
            }
        })
    }
}

/// The distinct aggregates of a query.
struct Calls<'t> {
    before: Compiler<'t>,
    seen: Vec<Expr>,
    plans: Vec<AggregateCall>,
    /// The types of the row after grouping.
    types: Vec<SqlType>,
}

impl Calls<'_> {
    fn add(&mut self, call: &Expr, name: &str, args: &[Expr]) -> Result<Expr, Refusal> {
        let first = self.types.len() - self.plans.len();
        if let Some(index) = self.seen.iter().position(|seen| seen == call) {
            return Ok(slot(first + index, call.at));
        }
        let (argument, ty) = match args.first() {
            // COUNT(*) and COUNT() count a constant.
            None if name == "COUNT" => (Node::Constant(Value::Boolean(true)), None),
            None => return Err(invalid(call.at, format!("{name} needs an argument"))),
            Some(argument) => {
                let (node, ty) = self.before.column(argument)?;
                (node, Some(ty))
            }
        };
        let mut constants = Vec::new();
        for constant in args.iter().skip(1) {
            match self.before.compile(constant)?.node {
                Node::Constant(value) => constants.push(value),
                _ => return Err(invalid(constant.at, "this argument must be a constant")),
            }
        }
        let resolved = aggregate::find(name).and_then(|function| {
            (function.resolve)(&ty, &constants)
                .ok_or(function)
                .map_or_else(
                    |function| Some(Err(function.usage)),
                    |found| Some(Ok(found)),
                )
        });
        match resolved {
            Some(Ok((ty, factory))) => {
                self.plans.push(AggregateCall { argument, factory });
                self.types.push(ty);
                self.seen.push(call.clone());
                Ok(slot(self.types.len() - 1, call.at))
            }
            Some(Err(usage)) => Err(unsupported(
                call.at,
                format!("{name} does not take these arguments; it is called as {usage}"),
            )),
            None => Err(invalid(call.at, format!("there is no aggregate {name}"))),
        }
    }
}

fn check_window(window: &Window, is_final: bool) -> Result<WindowPlan, Refusal> {
    let at = window.at;
    if window.kind == WindowKind::Session {
        bail!(unsupported at at,
            "SESSION windows are not supported; supported are TUMBLING and HOPPING");
    }
    if window.size <= 0 {
        bail!(invalid at at, "a window's SIZE must be positive");
    }
    if window.advance <= 0 || window.advance > window.size {
        bail!(invalid at at, "ADVANCE BY must be positive and not longer than SIZE");
    }
    if window.size / window.advance > MAX_WINDOWS {
        bail!(unsupported at at,
            "a row may be in at most {MAX_WINDOWS} windows: make ADVANCE BY longer");
    }
    if window.grace.is_some_and(|grace| grace < 0) {
        bail!(invalid at at, "GRACE PERIOD must not be negative");
    }
    let default_grace = if is_final {
        0
    } else {
        (DAY_MS - window.size).max(0)
    };
    let grace_ms = window.grace.unwrap_or(default_grace);
    let needed = window.size.saturating_add(grace_ms);
    if window.retention.is_some_and(|retention| retention < needed) {
        bail!(invalid at at,
            "RETENTION must be at least SIZE and GRACE PERIOD together: {needed} ms (with EMIT CHANGES, the default GRACE PERIOD is 24 hours minus SIZE)");
    }
    Ok(WindowPlan {
        size_ms: window.size,
        advance_ms: window.advance,
        grace_ms,
        retention_ms: window.retention.unwrap_or(needed),
        max_age_ms: None,
    })
}
