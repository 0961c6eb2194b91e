//! Comparisons: the types that ksqlDB compares, and how.

use crate::analyse::typing::{Compiled, Compiler, boolean};
use crate::plan::node::{Comparison, Node};
use crate::types::SqlType;
use ksql_parser::ast::{CompareOp, Expr};
use ksql_parser::error::{Refusal, invalid, unsupported};

impl Compiler<'_> {
    pub(super) fn compare(&self, op: CompareOp, left: &Expr, right: &Expr, at: usize) -> Compiled {
        let (a, b) = (self.compile(left)?, self.compile(right)?);
        let (left, right) = (a.ty.as_ref(), b.ty.as_ref());
        let comparison = match op {
            CompareOp::Equal | CompareOp::NotEqual => comparison(left, right, at)?,
            _ => ordered(left, right, at)?,
        };
        Ok(boolean(Node::Compare(
            op,
            comparison,
            Box::new(a.node),
            Box::new(b.node),
        )))
    }

    pub(super) fn in_list(&self, value: &Expr, list: &[Expr]) -> Compiled {
        let value = self.compile(value)?;
        let several = |at| {
            let message = "an IN list of several types is not supported: CAST its items to the type of the value";
            Err(unsupported(at, message))
        };
        let mut items = Vec::with_capacity(list.len());
        let mut how = None;
        for expr in list {
            let item = self.compile(expr)?;
            if item.ty.is_none() {
                bail!(unsupported at expr.at, "NULL in an IN list is not supported");
            }
            let this = match comparison(value.ty.as_ref(), item.ty.as_ref(), expr.at) {
                // Unlike a comparison, a list converts its items to DOUBLE, so NaN is just not found.
                Ok(Comparison::Decimal) if value.ty == Some(SqlType::Double) => Comparison::Double,
                Err(_) if value.ty.is_some() => return several(expr.at),
                this => this?,
            };
            if *how.get_or_insert(this) != this {
                return several(expr.at);
            }
            items.push(item.node);
        }
        let how = how.unwrap_or(Comparison::Text);
        Ok(boolean(Node::In(how, Box::new(value.node), items)))
    }
}

/// How two values are ordered.
pub(super) fn ordered(
    left: Option<&SqlType>,
    right: Option<&SqlType>,
    at: usize,
) -> Result<Comparison, Refusal> {
    match comparison(left, right, at)? {
        Comparison::Boolean => Err(invalid(at, "BOOLEAN values cannot be ordered")),
        how => Ok(how),
    }
}

/// How two values are tested for equality.
fn comparison(
    left: Option<&SqlType>,
    right: Option<&SqlType>,
    at: usize,
) -> Result<Comparison, Refusal> {
    let (Some(left), Some(right)) = (left, right) else {
        bail!(invalid at at, "a comparison with NULL is never true: use IS NULL or IS NOT NULL");
    };
    match (left, right) {
        (left, right) if left.is_numeric() && right.is_numeric() => {
            let any = |wanted: fn(&SqlType) -> bool| wanted(left) || wanted(right);
            Ok(if any(|ty| matches!(ty, SqlType::Decimal { .. })) {
                Comparison::Decimal
            } else if any(|ty| *ty == SqlType::Double) {
                Comparison::Double
            } else {
                Comparison::Whole
            })
        }
        (SqlType::Varchar, SqlType::Varchar) => Ok(Comparison::Text),
        (SqlType::Boolean, SqlType::Boolean) => Ok(Comparison::Boolean),
        (SqlType::Array(_) | SqlType::Map(_) | SqlType::Struct(_), _)
        | (_, SqlType::Array(_) | SqlType::Map(_) | SqlType::Struct(_)) => Err(unsupported(
            at,
            format!("comparing {left} with {right} is not supported"),
        )),
        (SqlType::BigInt, SqlType::Varchar) | (SqlType::Varchar, SqlType::BigInt) => {
            Err(unsupported(
                at,
                "a BIGINT cannot be compared with a string: write a time in milliseconds since 1970",
            ))
        }
        _ => Err(invalid(
            at,
            format!("{left} cannot be compared with {right}"),
        )),
    }
}
