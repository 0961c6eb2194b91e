//! Walks over expressions.

use ksql_parser::ast::{Expr, ExprKind};
use ksql_parser::error::Refusal;

/// The expression with some of its parts replaced: `replace` is asked from the root downwards, and
/// below what it replaces it is not asked again.
pub(crate) fn rewrite(
    expr: &Expr,
    replace: &mut dyn FnMut(&Expr) -> Result<Option<Expr>, Refusal>,
) -> Result<Expr, Refusal> {
    if let Some(new) = replace(expr)? {
        return Ok(new);
    }
    let mut one = |inner: &Expr| rewrite(inner, replace).map(Box::new);
    let kind = match &expr.kind {
        ExprKind::Literal(_) | ExprKind::Column { .. } | ExprKind::Slot(_) | ExprKind::CountAll => {
            expr.kind.clone()
        }
        ExprKind::Negate(inner) => ExprKind::Negate(one(inner)?),
        ExprKind::Not(inner) => ExprKind::Not(one(inner)?),
        ExprKind::IsNull(inner) => ExprKind::IsNull(one(inner)?),
        ExprKind::Cast(inner, ty) => ExprKind::Cast(one(inner)?, ty.clone()),
        ExprKind::Field(inner, field) => ExprKind::Field(one(inner)?, field.clone()),
        ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, one(a)?, one(b)?),
        ExprKind::Compare(op, a, b) => ExprKind::Compare(*op, one(a)?, one(b)?),
        ExprKind::And(a, b) => ExprKind::And(one(a)?, one(b)?),
        ExprKind::Or(a, b) => ExprKind::Or(one(a)?, one(b)?),
        ExprKind::Subscript(a, b) => ExprKind::Subscript(one(a)?, one(b)?),
        ExprKind::Between(value, low, high) => {
            ExprKind::Between(one(value)?, one(low)?, one(high)?)
        }
        ExprKind::Like {
            text,
            pattern,
            escape,
        } => ExprKind::Like {
            text: one(text)?,
            pattern: one(pattern)?,
            escape: *escape,
        },
        ExprKind::In(value, list) => ExprKind::In(one(value)?, each(list, replace)?),
        ExprKind::Call { name, args } => ExprKind::Call {
            name: name.clone(),
            args: each(args, replace)?,
        },
        ExprKind::Array(items) => ExprKind::Array(each(items, replace)?),
        ExprKind::Map(entries) => ExprKind::Map(pairs(entries, replace)?),
        ExprKind::Case {
            branches,
            otherwise,
        } => ExprKind::Case {
            branches: pairs(branches, replace)?,
            otherwise: match otherwise {
                Some(result) => Some(Box::new(rewrite(result, replace)?)),
                None => None,
            },
        },
        ExprKind::Struct(fields) => ExprKind::Struct(
            fields
                .iter()
                .map(|(name, value)| Ok((name.clone(), rewrite(value, replace)?)))
                .collect::<Result<_, Refusal>>()?,
        ),
    };
    Ok(Expr {
        kind,
        at: expr.at,
        height: expr.height,
    })
}

fn each(
    list: &[Expr],
    replace: &mut dyn FnMut(&Expr) -> Result<Option<Expr>, Refusal>,
) -> Result<Vec<Expr>, Refusal> {
    list.iter().map(|item| rewrite(item, replace)).collect()
}

fn pairs(
    list: &[(Expr, Expr)],
    replace: &mut dyn FnMut(&Expr) -> Result<Option<Expr>, Refusal>,
) -> Result<Vec<(Expr, Expr)>, Refusal> {
    list.iter()
        .map(|(a, b)| Ok((rewrite(a, replace)?, rewrite(b, replace)?)))
        .collect()
}

/// Whether any part of the expression is such.
pub(crate) fn any(expr: &Expr, test: &dyn Fn(&Expr) -> bool) -> bool {
    let mut found = false;
    let walked = rewrite(expr, &mut |part| {
        found |= test(part);
        Ok(None)
    });
    found && walked.is_ok()
}
