//! Determines the types of expressions, and refuses what ksqlDB refuses. `scope` has already resolved
//! names to slots.

mod collect;
mod compare;

use std::sync::Arc;

use crate::analyse::types::resolve;
use crate::analyse::typing::compare::ordered;
use crate::functions::{aggregate, scalar};
use crate::numbers::Decimal;
use crate::plan::node::{Cast, Node, Number, Typed};
use crate::types::SqlType;
use crate::value::Value;
use ksql_parser::Literal;
use ksql_parser::ast::{ArithmeticOp, Expr, ExprKind, Ident, TypeName};
use ksql_parser::error::{Refusal, invalid, unsupported};

type Compiled = Result<Typed, Refusal>;

/// Compiles expressions over rows of these types.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compiler<'s> {
    slots: &'s [SqlType],
    /// Whether a part that fails becomes NULL instead of failing the whole expression.
    null_on_error: bool,
}

impl<'s> Compiler<'s> {
    pub(crate) fn new(slots: &'s [SqlType]) -> Self {
        Self {
            slots,
            null_on_error: false,
        }
    }

    /// ksqlDB's `ksql.nested.error.set.null`, which is on by default: outside of conditions, a failing
    /// CAST, function call or item of an ARRAY, MAP or STRUCT is NULL.
    fn part(&self, node: Node) -> Node {
        match node {
            Node::Constant(_) | Node::Slot(_) | Node::NullOnError(_) => node,
            node if self.null_on_error => Node::NullOnError(Box::new(node)),
            node => node,
        }
    }

    /// The expression as a condition.
    pub(crate) fn condition(&self, expr: &Expr, clause: &str) -> Result<Node, Refusal> {
        let typed = self.compile(expr)?;
        match typed.ty {
            Some(SqlType::Boolean) => Ok(typed.node),
            ty => Err(invalid(
                expr.at,
                format!(
                    "{clause} must be BOOLEAN, got {}",
                    display_type(ty.as_ref())
                ),
            )),
        }
    }

    /// The condition of a WHERE or HAVING. ksqlDB's query fails on a row for which it is NULL.
    pub(crate) fn predicate(&self, expr: &Expr, clause: &str) -> Result<Node, Refusal> {
        let node = self.condition(expr, clause)?;
        if may_be_null(&node) {
            bail!(unsupported at expr.at,
                "{clause} may be NULL, on which ksqlDB's query fails: compare it with TRUE");
        }
        Ok(node)
    }

    /// The expression as a column: it must have a type that can be written.
    pub(crate) fn column(&self, expr: &Expr) -> Result<(Node, SqlType), Refusal> {
        let lenient = Self {
            null_on_error: true,
            ..*self
        };
        let typed = lenient.compile(expr)?;
        match typed.ty {
            None => Err(invalid(
                expr.at,
                "the type of NULL is unknown here: write CAST(NULL AS type)",
            )),
            Some(ty) if ty.has_decimal() => Err(unsupported(
                expr.at,
                format!(
                    "the result is a {ty}, and DECIMAL results are not supported: CAST it to DOUBLE"
                ),
            )),
            Some(ty) => Ok((typed.node, ty)),
        }
    }

    /// Compiles any expression.
    pub(crate) fn compile(&self, expr: &Expr) -> Compiled {
        match &expr.kind {
            ExprKind::Literal(literal) => constant(literal, expr.at),
            ExprKind::Slot(slot) => self.slot(*slot, expr.at),
            ExprKind::Column { name, .. } => Err(invalid(
                name.at,
                format!("column `{}` cannot be used here", name.name),
            )),
            ExprKind::CountAll => Err(misplaced_aggregate(expr.at, "COUNT")),
            ExprKind::Negate(inner) => self.negate(inner, expr.at),
            ExprKind::Binary(op, left, right) => self.arithmetic(*op, left, right, expr.at),
            ExprKind::Compare(op, left, right) => self.compare(*op, left, right, expr.at),
            ExprKind::And(left, right) => {
                let (left, right) = (self.truth(left)?, self.truth(right)?);
                Ok(boolean(Node::And(Box::new(left), Box::new(right))))
            }
            ExprKind::Or(left, right) => {
                let (left, right) = (self.truth(left)?, self.truth(right)?);
                Ok(boolean(Node::Or(Box::new(left), Box::new(right))))
            }
            ExprKind::Not(inner) => Ok(boolean(Node::Not(Box::new(self.truth(inner)?)))),
            ExprKind::IsNull(inner) => self.is_null(inner),
            ExprKind::Between(value, low, high) => {
                let value = self.compile(value)?;
                let bound = |bound: &Expr| {
                    let bound = self.compile(bound)?;
                    let how = ordered(value.ty.as_ref(), bound.ty.as_ref(), expr.at)?;
                    Ok((how, Box::new(bound.node)))
                };
                let bounds = [bound(low)?, bound(high)?];
                Ok(boolean(Node::Between(Box::new(value.node), bounds)))
            }
            ExprKind::In(value, list) => self.in_list(value, list),
            ExprKind::Like {
                text,
                pattern,
                escape,
            } => {
                let mut sides = Vec::with_capacity(2);
                for side in [text, pattern] {
                    let typed = self.compile(side)?;
                    if typed.ty != Some(SqlType::Varchar) {
                        bail!(invalid at side.at,
                            "LIKE needs VARCHAR, got {}", display_type(typed.ty.as_ref()));
                    }
                    sides.push(Box::new(typed.node));
                }
                match (sides.pop(), sides.pop()) {
                    (Some(pattern), Some(text)) => Ok(boolean(Node::Like {
                        text,
                        pattern,
                        escape: *escape,
                    })),
                    _ => Err(invalid(expr.at, "LIKE needs a text and a pattern")),
                }
            }
            ExprKind::Case {
                branches,
                otherwise,
            } => self.case(branches, otherwise.as_deref(), expr.at),
            ExprKind::Cast(inner, ty) => self.cast(inner, ty),
            ExprKind::Call { name, args } => self.call(name, args),
            ExprKind::Field(base, field) => self.field(base, field),
            ExprKind::Subscript(base, index) => self.subscript(base, index),
            ExprKind::Array(items) => self.array(items, expr.at),
            ExprKind::Map(entries) => self.map(entries, expr.at),
            ExprKind::Struct(fields) => self.structure(fields),
        }
    }

    fn slot(&self, slot: usize, at: usize) -> Compiled {
        let ty = self.slots.get(slot).cloned();
        if ty.as_ref().is_some_and(SqlType::has_decimal) {
            bail!(unsupported at at,
                "columns of type DECIMAL can be declared, but not used: declare DOUBLE");
        }
        Ok(Typed {
            node: Node::Slot(slot),
            ty,
        })
    }

    fn truth(&self, expr: &Expr) -> Result<Node, Refusal> {
        self.condition(expr, "an operand of AND, OR and NOT")
    }

    fn is_null(&self, inner: &Expr) -> Compiled {
        let typed = self.compile(inner)?;
        match &typed.node {
            Node::Arithmetic(..) | Node::Negate(_) => Err(invalid(
                inner.at,
                "ksqlDB cannot test the result of arithmetic for NULL: test the operands",
            )),
            node if !may_be_null(node) && typed.ty == Some(SqlType::Boolean) => Err(unsupported(
                inner.at,
                "a condition cannot be tested for NULL: test its operands",
            )),
            _ => Ok(boolean(Node::IsNull(Box::new(typed.node)))),
        }
    }

    fn negate(&self, inner: &Expr, at: usize) -> Compiled {
        let typed = self.compile(inner)?;
        match &typed.ty {
            Some(SqlType::Integer | SqlType::BigInt | SqlType::Double) => Ok(Typed {
                node: Node::Negate(Box::new(typed.node)),
                ty: typed.ty,
            }),
            Some(SqlType::Decimal { .. }) => Err(decimal_arithmetic(at)),
            ty => Err(invalid(
                at,
                format!("cannot negate {}", display_type(ty.as_ref())),
            )),
        }
    }

    fn arithmetic(&self, op: ArithmeticOp, left: &Expr, right: &Expr, at: usize) -> Compiled {
        let (a, b) = (self.compile(left)?, self.compile(right)?);
        let types = (a.ty.clone(), b.ty.clone());
        let (Some(ta), Some(tb)) = types else {
            bail!(invalid at at, "the type of NULL is unknown here: write CAST(NULL AS type)");
        };
        let (node_a, node_b) = (Box::new(a.node), Box::new(b.node));
        if op == ArithmeticOp::Add && ta == SqlType::Varchar && tb == SqlType::Varchar {
            return Ok(Typed {
                node: Node::Concat(node_a, node_b),
                ty: Some(SqlType::Varchar),
            });
        }
        if !ta.is_numeric() || !tb.is_numeric() {
            bail!(invalid at at, "arithmetic needs numbers, got {ta} and {tb}");
        }
        let (number, ty) = match (&ta, &tb) {
            (SqlType::Double, _) | (_, SqlType::Double) => (Number::Double, SqlType::Double),
            (SqlType::Decimal { .. }, _) | (_, SqlType::Decimal { .. }) => {
                return Err(decimal_arithmetic(at));
            }
            (SqlType::BigInt, _) | (_, SqlType::BigInt) => (Number::BigInt, SqlType::BigInt),
            _ => (Number::Integer, SqlType::Integer),
        };
        Ok(Typed {
            node: Node::Arithmetic(op, number, node_a, node_b),
            ty: Some(ty),
        })
    }

    fn case(&self, branches: &[(Expr, Expr)], otherwise: Option<&Expr>, at: usize) -> Compiled {
        let mut ty: Option<SqlType> = None;
        let mut agree = |typed: &Typed, at: usize| match (&ty, &typed.ty) {
            (_, None) => Ok(()),
            (None, Some(_)) => {
                ty = typed.ty.clone();
                Ok(())
            }
            (Some(expected), Some(found)) if expected == found => Ok(()),
            (Some(expected), Some(found)) => Err(invalid(
                at,
                format!("all results of a CASE must have one type: {expected} and {found} differ"),
            )),
        };
        let mut compiled = Vec::with_capacity(branches.len());
        for (condition, result) in branches {
            let condition = self.condition(condition, "WHEN")?;
            let typed = self.compile(result)?;
            agree(&typed, result.at)?;
            compiled.push((condition, typed.node));
        }
        let otherwise = match otherwise {
            None => Node::Constant(Value::Null),
            Some(result) => {
                let typed = self.compile(result)?;
                agree(&typed, result.at)?;
                typed.node
            }
        };
        if ty.is_none() {
            bail!(invalid at at, "a CASE needs a result that is not NULL");
        }
        Ok(Typed {
            node: Node::Case {
                branches: compiled,
                otherwise: Box::new(otherwise),
            },
            ty,
        })
    }

    fn cast(&self, inner: &Expr, target: &TypeName) -> Compiled {
        let ty = resolve(target)?;
        let typed = self.compile(inner)?;
        if ty.has_decimal() {
            bail!(unsupported at target.at, "CAST to DECIMAL is not supported: use DOUBLE");
        }
        let Some(from) = typed.ty else {
            return Ok(Typed::constant(Value::Null, ty));
        };
        let cast = match (&from, &ty) {
            (from, ty) if from == ty => Cast::Identity,
            (from, SqlType::Integer) if from.is_numeric() => Cast::ToInteger,
            (from, SqlType::BigInt) if from.is_numeric() => Cast::ToBigInt,
            (from, SqlType::Double) if from.is_numeric() => Cast::ToDouble,
            (SqlType::Varchar, SqlType::Integer) => Cast::ToInteger,
            (SqlType::Varchar, SqlType::BigInt) => Cast::ToBigInt,
            (SqlType::Varchar, SqlType::Double) => Cast::ToDouble,
            (SqlType::Varchar, SqlType::Boolean) => Cast::ToBoolean,
            (
                SqlType::Boolean | SqlType::Integer | SqlType::BigInt | SqlType::Double,
                SqlType::Varchar,
            ) => Cast::ToText,
            (SqlType::Array(_) | SqlType::Map(_) | SqlType::Struct(_), _)
            | (SqlType::Decimal { .. }, SqlType::Varchar) => {
                bail!(unsupported at inner.at, "CAST of {from} to {ty} is not supported");
            }
            _ => {
                bail!(invalid at inner.at, "{from} cannot be CAST to {ty}");
            }
        };
        Ok(Typed {
            node: self.part(Node::Cast(cast, Box::new(typed.node))),
            ty: Some(ty),
        })
    }

    fn call(&self, name: &Ident, args: &[Expr]) -> Compiled {
        let Some(function) = scalar::find(&name.name) else {
            if aggregate::find(&name.name).is_some() {
                return Err(misplaced_aggregate(name.at, &name.name));
            }
            return Err(unknown_function(name));
        };
        let args: Result<Vec<Typed>, Refusal> = args.iter().map(|arg| self.compile(arg)).collect();
        let (nodes, types): (Vec<Node>, Vec<Option<SqlType>>) = args?
            .into_iter()
            .map(|typed| (typed.node, typed.ty))
            .unzip();
        match (function.resolve)(&types) {
            Some((ty, call)) => Ok(Typed {
                node: self.part(Node::Call { call, args: nodes }),
                ty: Some(ty),
            }),
            None => {
                let types: Vec<String> = types.iter().map(|ty| display_type(ty.as_ref())).collect();
                Err(unsupported(
                    name.at,
                    format!(
                        "{} does not take ({}); it is called as {}",
                        name.name,
                        types.join(", "),
                        function.usage
                    ),
                ))
            }
        }
    }
}

/// Whether a condition may be NULL, rather than true, false or failing.
fn may_be_null(node: &Node) -> bool {
    match node {
        Node::Constant(value) => value.is_null(),
        Node::Compare(..)
        | Node::And(..)
        | Node::Or(..)
        | Node::Not(_)
        | Node::IsNull(_)
        | Node::Between(..)
        | Node::In(..)
        | Node::Like { .. } => false,
        Node::Case {
            branches,
            otherwise,
        } => may_be_null(otherwise) || branches.iter().any(|(_, result)| may_be_null(result)),
        _ => true,
    }
}

fn boolean(node: Node) -> Typed {
    Typed {
        node,
        ty: Some(SqlType::Boolean),
    }
}

fn display_type(ty: Option<&SqlType>) -> String {
    ty.map_or_else(|| "NULL".to_owned(), ToString::to_string)
}

fn decimal_arithmetic(at: usize) -> Refusal {
    unsupported(
        at,
        "the result is a DECIMAL, which is not supported: write the constant as a DOUBLE (1.5e0)",
    )
}

/// ksqlDB may have the function, so it counts as unsupported rather than invalid.
pub(crate) fn unknown_function(name: &Ident) -> Refusal {
    let scalars = scalar::FUNCTIONS.iter().map(|function| function.name);
    let aggregates = aggregate::AGGREGATES.iter().map(|function| function.name);
    let known: Vec<&str> = scalars.chain(aggregates).collect();
    unsupported(
        name.at,
        format!(
            "function `{}` is not supported; supported are {}",
            name.name,
            known.join(", ")
        ),
    )
}

fn misplaced_aggregate(at: usize, name: &str) -> Refusal {
    invalid(
        at,
        format!(
            "{name} is an aggregate: it is allowed in the SELECT or HAVING of a GROUP BY, but not inside another aggregate"
        ),
    )
}

fn constant(literal: &Literal, at: usize) -> Compiled {
    Ok(match literal {
        Literal::Null => Typed {
            node: Node::Constant(Value::Null),
            ty: None,
        },
        Literal::Boolean(truth) => Typed::constant(Value::Boolean(*truth), SqlType::Boolean),
        Literal::Integer(number) => match i32::try_from(*number) {
            Ok(number) => Typed::constant(Value::Integer(number), SqlType::Integer),
            Err(_) => Typed::constant(Value::BigInt(*number), SqlType::BigInt),
        },
        Literal::Double(number) => Typed::constant(Value::Double(*number), SqlType::Double),
        Literal::Text(text) => Typed::constant(Value::text(text), SqlType::Varchar),
        Literal::Decimal(text) => {
            let number = Decimal::parse(text)
                .ok_or_else(|| unsupported(at, "a DECIMAL may have at most 38 digits"))?;
            let ty = SqlType::Decimal {
                precision: number.precision(),
                scale: number.scale(),
            };
            Typed::constant(Value::Decimal(Arc::new(number)), ty)
        }
    })
}
