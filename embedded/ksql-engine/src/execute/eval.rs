//! Evaluates expressions with ksqlDB's semantics.
//!
//! A null in arithmetic or logic, a division by zero or a failed cast is an [`EvalError`]. It makes
//! the enclosing expression fail, up to the next [`Node::NullOnError`], or the whole expression. A
//! comparison with null is false.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::str::FromStr;
use std::sync::Arc;

use crate::execute::like;
use crate::functions::EvalError;
use crate::numbers::{Decimal, double_text, parse_java, trimmed};
use crate::plan::node::{Cast, Comparison, Node, Number, RowRef};
use crate::value::Value;
use ksql_parser::ast::{ArithmeticOp, CompareOp};

type Evaluated = Result<Value, EvalError>;

impl Node {
    /// The expression's value on a row.
    pub(crate) fn eval(&self, row: RowRef<'_>) -> Evaluated {
        match self {
            Node::Constant(value) => Ok(value.clone()),
            Node::Slot(slot) => Ok(row.get(*slot).clone()),
            Node::Negate(inner) => match inner.eval(row)? {
                Value::Integer(number) => Ok(Value::Integer(number.wrapping_neg())),
                Value::BigInt(number) => Ok(Value::BigInt(number.wrapping_neg())),
                Value::Double(number) => Ok(Value::Double(-number)),
                _ => Err(EvalError::Null),
            },
            Node::Arithmetic(op, number, left, right) => {
                arithmetic(*op, *number, &*left.peek(row)?, &*right.peek(row)?)
            }
            Node::Concat(left, right) => {
                let (left, right) = (left.peek(row)?, right.peek(row)?);
                Ok(concatenate(&left, &right))
            }
            Node::Compare(op, comparison, left, right) => {
                let left = left.peek(row)?;
                // With NULL on the left, the right side is not evaluated and cannot fail.
                Ok(Value::Boolean(
                    !left.is_null() && compare(*op, *comparison, &left, &*right.peek(row)?)?,
                ))
            }
            Node::And(left, right) => Ok(Value::Boolean(left.test(row)? && right.test(row)?)),
            Node::Or(left, right) => Ok(Value::Boolean(left.test(row)? || right.test(row)?)),
            Node::Not(inner) => Ok(Value::Boolean(!inner.test(row)?)),
            Node::IsNull(inner) => Ok(Value::Boolean(inner.peek(row)?.is_null())),
            Node::Between(value, [(low_as, low), (high_as, high)]) => {
                let value = value.peek(row)?;
                let (at_least, at_most) = (CompareOp::GreaterOrEqual, CompareOp::LessOrEqual);
                Ok(Value::Boolean(
                    !value.is_null()
                        && compare(at_least, *low_as, &value, &*low.peek(row)?)?
                        && compare(at_most, *high_as, &value, &*high.peek(row)?)?,
                ))
            }
            Node::In(comparison, value, list) => {
                let value = value.eval(row)?;
                let mut found = false;
                for item in list {
                    found |= compare(CompareOp::Equal, *comparison, &value, &item.eval(row)?)?;
                }
                Ok(Value::Boolean(found))
            }
            Node::Like {
                text,
                pattern,
                escape,
            } => match (text.eval(row)?, pattern.eval(row)?) {
                (Value::Text(text), Value::Text(pattern)) => {
                    like::matches(&text, &pattern, *escape).map(Value::Boolean)
                }
                _ => Err(EvalError::Null),
            },
            Node::Case {
                branches,
                otherwise,
            } => {
                for (condition, result) in branches {
                    if condition.test(row)? {
                        return result.eval(row);
                    }
                }
                otherwise.eval(row)
            }
            Node::Cast(cast, inner) => convert(*cast, inner.eval(row)?),
            Node::NullOnError(inner) => Ok(inner.eval(row).unwrap_or_else(|error| {
                row.report(error);
                Value::Null
            })),
            Node::Call { call, args } => match args.as_slice() {
                [arg] => call(&[arg.eval(row)?]),
                [a, b] => call(&[a.eval(row)?, b.eval(row)?]),
                args => call(&all(args, row)?),
            },
            Node::Field(..) => self.peek(row).map(Cow::into_owned),
            Node::ArrayItem(array, index) => match &*array.peek(row)? {
                Value::Array(items) => array_item(items, &index.eval(row)?),
                _ => Ok(Value::Null),
            },
            Node::MapItem(map, key) => Ok(match (map.eval(row)?, key.eval(row)?) {
                (Value::Map(entries), Value::Text(key)) => entries
                    .iter()
                    .find(|(name, _)| *name == key)
                    .map_or(Value::Null, |(_, value)| value.clone()),
                _ => Value::Null,
            }),
            Node::Array(items) => Ok(Value::Array(all(items, row)?.into())),
            Node::Struct(items) => Ok(Value::Struct(all(items, row)?.into())),
            Node::Map(entries) => {
                let mut map: Vec<(Arc<str>, Value)> = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    // ksqlDB writes a key that is NULL as "null".
                    let key = match key.eval(row)? {
                        Value::Text(key) => key,
                        _ => Arc::from("null"),
                    };
                    let value = value.eval(row)?;
                    match map.iter_mut().find(|(known, _)| *known == key) {
                        Some(entry) => entry.1 = value,
                        None => map.push((key, value)),
                    }
                }
                Ok(Value::Map(map.into()))
            }
        }
    }

    /// The expression's value on a row, borrowed if it is in the row.
    fn peek<'r>(&'r self, row: RowRef<'r>) -> Result<Cow<'r, Value>, EvalError> {
        match self {
            Node::Slot(slot) => Ok(Cow::Borrowed(row.get(*slot))),
            Node::Constant(value) => Ok(Cow::Borrowed(value)),
            Node::Field(index, inner) => Ok(match inner.peek(row)? {
                Cow::Borrowed(Value::Struct(values)) => {
                    Cow::Borrowed(values.get(*index).unwrap_or(&Value::Null))
                }
                Cow::Owned(Value::Struct(values)) => {
                    Cow::Owned(values.get(*index).cloned().unwrap_or(Value::Null))
                }
                _ => Cow::Borrowed(&Value::Null),
            }),
            other => other.eval(row).map(Cow::Owned),
        }
    }

    /// The value of a condition in AND, OR, NOT or CASE. Fails for null.
    fn test(&self, row: RowRef<'_>) -> Result<bool, EvalError> {
        match *self.peek(row)? {
            Value::Boolean(truth) => Ok(truth),
            _ => Err(EvalError::Null),
        }
    }
}

fn all(nodes: &[Node], row: RowRef<'_>) -> Result<Vec<Value>, EvalError> {
    nodes.iter().map(|node| node.eval(row)).collect()
}

/// Concatenates two texts; null becomes `null`.
fn concatenate(left: &Value, right: &Value) -> Value {
    fn text(value: &Value) -> &str {
        match value {
            Value::Text(text) => text,
            _ => "null",
        }
    }
    Value::text([text(left), text(right)].concat())
}

fn double(value: &Value) -> Result<f64, EvalError> {
    match value {
        Value::Integer(number) => Ok(f64::from(*number)),
        Value::BigInt(number) => Ok(*number as f64),
        Value::Double(number) => Ok(*number),
        Value::Decimal(number) => Ok(number.to_f64()),
        _ => Err(EvalError::Null),
    }
}

fn whole(value: &Value) -> Result<i64, EvalError> {
    match value {
        Value::Integer(number) => Ok(i64::from(*number)),
        Value::BigInt(number) => Ok(*number),
        _ => Err(EvalError::Null),
    }
}

fn arithmetic(op: ArithmeticOp, number: Number, left: &Value, right: &Value) -> Evaluated {
    match number {
        Number::Double => {
            let (a, b) = (double(left)?, double(right)?);
            Ok(Value::Double(match op {
                ArithmeticOp::Add => a + b,
                ArithmeticOp::Subtract => a - b,
                ArithmeticOp::Multiply => a * b,
                ArithmeticOp::Divide => a / b,
                ArithmeticOp::Modulo => a % b,
            }))
        }
        Number::BigInt => {
            let (a, b) = (whole(left)?, whole(right)?);
            Ok(Value::BigInt(match op {
                ArithmeticOp::Add => a.wrapping_add(b),
                ArithmeticOp::Subtract => a.wrapping_sub(b),
                ArithmeticOp::Multiply => a.wrapping_mul(b),
                _ if b == 0 => return Err(EvalError::DivisionByZero),
                ArithmeticOp::Divide => a.wrapping_div(b),
                ArithmeticOp::Modulo => a.wrapping_rem(b),
            }))
        }
        Number::Integer => {
            let (Value::Integer(a), Value::Integer(b)) = (left, right) else {
                return Err(EvalError::Null);
            };
            Ok(Value::Integer(match op {
                ArithmeticOp::Add => a.wrapping_add(*b),
                ArithmeticOp::Subtract => a.wrapping_sub(*b),
                ArithmeticOp::Multiply => a.wrapping_mul(*b),
                _ if *b == 0 => return Err(EvalError::DivisionByZero),
                ArithmeticOp::Divide => a.wrapping_div(*b),
                ArithmeticOp::Modulo => a.wrapping_rem(*b),
            }))
        }
    }
}

/// False if either side is null or NaN.
fn compare(
    op: CompareOp,
    comparison: Comparison,
    left: &Value,
    right: &Value,
) -> Result<bool, EvalError> {
    if left.is_null() || right.is_null() {
        return Ok(false);
    }
    let order = match comparison {
        Comparison::Whole => Some(whole(left)?.cmp(&whole(right)?)),
        Comparison::Double => double(left)?.partial_cmp(&double(right)?),
        Comparison::Decimal => Some(compare_exactly(left, right)?),
        Comparison::Text => match (left, right) {
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            _ => None,
        },
        Comparison::Boolean => match (left, right) {
            (Value::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
            _ => None,
        },
    };
    let Some(order) = order else {
        return Ok(false);
    };
    Ok(match op {
        CompareOp::Equal => order == Ordering::Equal,
        CompareOp::NotEqual => order != Ordering::Equal,
        CompareOp::Less => order == Ordering::Less,
        CompareOp::LessOrEqual => order != Ordering::Greater,
        CompareOp::Greater => order == Ordering::Greater,
        CompareOp::GreaterOrEqual => order != Ordering::Less,
    })
}

/// A DOUBLE is compared with the DOUBLE nearest to the other side.
fn compare_exactly(left: &Value, right: &Value) -> Result<Ordering, EvalError> {
    let exact = |value: &Value| match value {
        Value::Decimal(number) => Ok(**number),
        other => Ok(Decimal::new(i128::from(whole(other)?), 0)),
    };
    match (left, right) {
        (Value::Double(number), other) if number.is_finite() => {
            let nearest = exact(other)?.to_f64();
            number.partial_cmp(&nearest).ok_or(EvalError::NotFinite)
        }
        (Value::Double(_), _) => Err(EvalError::NotFinite),
        (other, Value::Double(_)) => compare_exactly(right, other).map(Ordering::reverse),
        (left, right) => Ok(exact(left)?.compare(exact(right)?)),
    }
}

/// Converts a value; null stays null. A DOUBLE out of range becomes the nearest number, a BIGINT wraps.
fn convert(cast: Cast, value: Value) -> Evaluated {
    if value.is_null() {
        return Ok(Value::Null);
    }
    match cast {
        Cast::Identity => Ok(value),
        Cast::ToInteger => Ok(Value::Integer(match &value {
            Value::BigInt(number) => *number as i32,
            Value::Double(number) => *number as i32,
            Value::Decimal(number) => number.truncated() as i32,
            Value::Text(text) => whole_number(text)?,
            _ => return Ok(value),
        })),
        Cast::ToBigInt => Ok(Value::BigInt(match &value {
            Value::Integer(number) => i64::from(*number),
            Value::Double(number) => *number as i64,
            Value::Decimal(number) => number.truncated() as i64,
            Value::Text(text) => whole_number(text)?,
            _ => return Ok(value),
        })),
        Cast::ToDouble => Ok(Value::Double(match &value {
            Value::Text(text) => parse_java(text).ok_or(EvalError::Conversion)?,
            other => double(other)?,
        })),
        Cast::ToText => Ok(Value::text(match &value {
            Value::Boolean(truth) => truth.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::BigInt(number) => number.to_string(),
            Value::Double(number) => double_text(*number),
            _ => return Ok(value),
        })),
        Cast::ToBoolean => Ok(match &value {
            Value::Text(text) => Value::Boolean(is_true(text)),
            _ => value,
        }),
    }
}

fn whole_number<T: FromStr>(text: &str) -> Result<T, EvalError> {
    trimmed(text).parse().map_err(|_| EvalError::Conversion)
}

fn is_true(text: &str) -> bool {
    ["true", "tru", "tr", "t", "yes", "ye", "y"]
        .iter()
        .any(|yes| trimmed(text).eq_ignore_ascii_case(yes))
}

/// The item at an index from 1, or from the end if negative; null if there is none.
fn array_item(items: &[Value], index: &Value) -> Evaluated {
    let index = match index {
        Value::Integer(index) => i64::from(*index),
        Value::BigInt(index) => i64::from(*index as i32),
        _ => return Err(EvalError::Null),
    };
    let position = match index {
        0 => return Ok(Value::Null),
        index if index < 0 => items.len() as i64 + index,
        index => index - 1,
    };
    Ok(usize::try_from(position)
        .ok()
        .and_then(|position| items.get(position).cloned())
        .unwrap_or(Value::Null))
}
