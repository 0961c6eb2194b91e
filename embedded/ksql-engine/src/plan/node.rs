//! Expressions with every name looked up and every type known.

use std::cell::Cell;
use std::sync::Arc;

use crate::functions::{EvalError, ScalarCall};
use crate::types::SqlType;
use crate::value::Value;
use ksql_parser::ast::{ArithmeticOp, CompareOp};

/// An expression that can be evaluated on a row.
#[derive(Clone, Debug)]
pub enum Node {
    /// Always the same.
    Constant(Value),
    /// A column of the row.
    Slot(usize),
    Negate(Box<Node>),
    /// On two numbers of any type, computed in this one.
    Arithmetic(ArithmeticOp, Number, Box<Node>, Box<Node>),
    /// Texts joined, null as `null`.
    Join(Box<Node>, Box<Node>),
    Compare(CompareOp, Comparison, Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    IsNull(Box<Node>),
    /// Not less than the first bound and not greater than the second. The value is there once, so
    /// that nested ones do not double.
    Between(Box<Node>, [(Comparison, Box<Node>); 2]),
    /// Equal to one of the list.
    In(Comparison, Box<Node>, Vec<Node>),
    Like {
        text: Box<Node>,
        pattern: Box<Node>,
        escape: Option<char>,
    },
    Case {
        branches: Vec<(Node, Node)>,
        otherwise: Box<Node>,
    },
    Cast(Cast, Box<Node>),
    /// NULL where the inner expression fails.
    NullOnError(Box<Node>),
    Call {
        call: ScalarCall,
        args: Vec<Node>,
    },
    Field(usize, Box<Node>),
    ArrayItem(Box<Node>, Box<Node>),
    MapItem(Box<Node>, Box<Node>),
    Array(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Struct(Vec<Node>),
}

impl Node {
    /// Every slot that the expression reads.
    pub fn slots(&self, seen: &mut dyn FnMut(usize)) {
        match self {
            Node::Constant(_) => {}
            Node::Slot(slot) => seen(*slot),
            Node::Negate(a)
            | Node::Not(a)
            | Node::IsNull(a)
            | Node::Cast(_, a)
            | Node::NullOnError(a)
            | Node::Field(_, a) => {
                a.slots(seen);
            }
            Node::Arithmetic(_, _, a, b)
            | Node::Join(a, b)
            | Node::Compare(_, _, a, b)
            | Node::And(a, b)
            | Node::Or(a, b)
            | Node::ArrayItem(a, b)
            | Node::MapItem(a, b) => {
                a.slots(seen);
                b.slots(seen);
            }
            Node::Like { text, pattern, .. } => {
                text.slots(seen);
                pattern.slots(seen);
            }
            Node::Between(value, bounds) => {
                value.slots(seen);
                bounds.iter().for_each(|(_, bound)| bound.slots(seen));
            }
            Node::In(_, value, list) => {
                value.slots(seen);
                list.iter().for_each(|item| item.slots(seen));
            }
            Node::Call { args: items, .. } | Node::Array(items) | Node::Struct(items) => {
                items.iter().for_each(|item| item.slots(seen));
            }
            Node::Map(entries) => entries.iter().for_each(|(key, value)| {
                key.slots(seen);
                value.slots(seen);
            }),
            Node::Case {
                branches,
                otherwise,
            } => {
                for (condition, result) in branches {
                    condition.slots(seen);
                    result.slots(seen);
                }
                otherwise.slots(seen);
            }
        }
    }
}

/// In which type arithmetic is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    Integer,
    BigInt,
    Double,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// As 64-bit whole numbers.
    Whole,
    /// As Java's primitive doubles.
    Double,
    /// Exactly, as decimals.
    Decimal,
    Text,
    Boolean,
}

/// The supported conversions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    Identity,
    ToInteger,
    ToBigInt,
    ToDouble,
    ToText,
    ToBoolean,
}

/// An expression and its type; no type for a bare `NULL`.
#[derive(Clone, Debug)]
pub struct Typed {
    pub node: Node,
    pub ty: Option<SqlType>,
}

impl Typed {
    /// A constant of a known type.
    pub fn constant(value: Value, ty: SqlType) -> Self {
        Self {
            node: Node::Constant(value),
            ty: Some(ty),
        }
    }
}

/// A row in up to three pieces, so that none has to be copied to be read as one. A piece may end
/// early: what is beyond it is null.
#[derive(Clone, Copy, Debug)]
pub struct RowRef<'r> {
    pieces: [&'r [Value]; 3],
    /// The slots at which the second and the third piece begin.
    bounds: [usize; 2],
    /// The first error that [`Node::NullOnError`] replaced with NULL.
    replaced: Option<&'r Cell<Option<EvalError>>>,
}

impl<'r> RowRef<'r> {
    /// A row in one piece.
    pub fn whole(values: &'r [Value]) -> Self {
        Self {
            pieces: [values, &[], &[]],
            bounds: [usize::MAX; 2],
            replaced: None,
        }
    }

    /// The same row; reports errors that were replaced with NULL in `replaced`.
    pub(crate) fn reporting(self, replaced: &'r Cell<Option<EvalError>>) -> Self {
        let replaced = Some(replaced);
        Self { replaced, ..self }
    }

    /// Reports an error that was replaced with NULL.
    pub(crate) fn report(&self, error: EvalError) {
        if let Some(replaced) = self.replaced {
            replaced.set(replaced.take().or(Some(error)));
        }
    }

    /// Rows of these widths side by side, and whatever comes after them.
    pub fn joined(pieces: [&'r [Value]; 3], widths: [usize; 2]) -> Self {
        Self {
            pieces,
            bounds: [widths[0], widths[0] + widths[1]],
            replaced: None,
        }
    }

    /// The value in that slot; null beyond the row's end.
    pub fn get(&self, slot: usize) -> &'r Value {
        let [second, third] = self.bounds;
        let found = if slot < second {
            self.pieces[0].get(slot)
        } else if slot < third {
            self.pieces[1].get(slot - second)
        } else {
            self.pieces[2].get(slot - third)
        };
        found.unwrap_or(&Value::Null)
    }
}

/// A shared row.
pub type SharedRow = Arc<[Value]>;
