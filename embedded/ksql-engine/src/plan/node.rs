//! Expressions with resolved names and known types.

use std::cell::Cell;
use std::sync::Arc;

use crate::functions::{EvalError, ScalarCall};
use crate::types::SqlType;
use crate::value::Value;
use ksql_parser::ast::{ArithmeticOp, CompareOp};

/// An expression that can be evaluated on a row.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// A constant.
    Constant(Value),
    /// A column of the row.
    Slot(usize),
    Negate(Box<Node>),
    /// The operands have any numeric type; the computation uses the given one.
    Arithmetic(ArithmeticOp, Number, Box<Node>, Box<Node>),
    /// Concatenates two texts; null becomes `null`.
    Concat(Box<Node>, Box<Node>),
    Compare(CompareOp, Comparison, Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    IsNull(Box<Node>),
    /// Not less than the first bound and not greater than the second. Stores the value once, so that
    /// nesting does not double the work.
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
    /// Calls `seen` with every slot that the expression reads.
    pub(crate) fn slots(&self, seen: &mut dyn FnMut(usize)) {
        if let Node::Slot(slot) = self {
            seen(*slot);
        }
        self.children().iter().for_each(|child| child.slots(seen));
    }

    fn children(&self) -> Vec<&Node> {
        match self {
            Node::Constant(_) | Node::Slot(_) => Vec::new(),
            Node::Negate(a)
            | Node::Not(a)
            | Node::IsNull(a)
            | Node::Cast(_, a)
            | Node::NullOnError(a)
            | Node::Field(_, a) => vec![a],
            Node::Arithmetic(_, _, a, b)
            | Node::Concat(a, b)
            | Node::Compare(_, _, a, b)
            | Node::And(a, b)
            | Node::Or(a, b)
            | Node::ArrayItem(a, b)
            | Node::MapItem(a, b) => vec![a, b],
            Node::Like { text, pattern, .. } => vec![text, pattern],
            Node::Between(value, [(_, low), (_, high)]) => vec![value, low, high],
            Node::In(_, value, list) => std::iter::once(&**value).chain(list).collect(),
            Node::Call { args: items, .. } | Node::Array(items) | Node::Struct(items) => {
                items.iter().collect()
            }
            Node::Map(entries) => entries
                .iter()
                .flat_map(|(key, value)| [key, value])
                .collect(),
            Node::Case {
                branches,
                otherwise,
            } => {
                let branches = branches.iter().flat_map(|(when, then)| [when, then]);
                branches.chain([&**otherwise]).collect()
            }
        }
    }
}

/// The type in which arithmetic is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    Integer,
    BigInt,
    Double,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
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
pub(crate) enum Cast {
    Identity,
    ToInteger,
    ToBigInt,
    ToDouble,
    ToText,
    ToBoolean,
}

/// An expression and its type; no type for a bare `NULL`.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) node: Node,
    pub(crate) ty: Option<SqlType>,
}

impl Typed {
    /// A constant of a known type.
    pub(crate) fn constant(value: Value, ty: SqlType) -> Self {
        Self {
            node: Node::Constant(value),
            ty: Some(ty),
        }
    }
}

/// A row in up to three pieces, so that joined rows need no copy. Slots beyond the end of a piece are
/// null.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowRef<'r> {
    pieces: [&'r [Value]; 3],
    /// The slots at which the second and the third piece begin.
    bounds: [usize; 2],
    /// The first error that [`Node::NullOnError`] replaced with NULL.
    replaced: Option<&'r Cell<Option<EvalError>>>,
}

impl<'r> RowRef<'r> {
    /// A row in one piece.
    pub(crate) fn whole(values: &'r [Value]) -> Self {
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

    /// Two rows of these widths, and the slots after them.
    pub(crate) fn joined(pieces: [&'r [Value]; 3], widths: [usize; 2]) -> Self {
        Self {
            pieces,
            bounds: [widths[0], widths[0] + widths[1]],
            replaced: None,
        }
    }

    /// The value in a slot.
    pub(crate) fn get(&self, slot: usize) -> &'r Value {
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
pub(crate) type SharedRow = Arc<[Value]>;
