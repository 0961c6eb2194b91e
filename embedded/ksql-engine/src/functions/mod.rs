//! The SQL functions.
//!
//! To add a scalar function, add an entry to `scalar::FUNCTIONS`; to add an aggregate, add one to
//! `aggregate::AGGREGATES`.

pub(crate) mod aggregate;
mod numeric;
pub(crate) mod scalar;
mod text;

use crate::types::SqlType;
use crate::value::Value;

/// The type of an argument; `None` for a bare `NULL`, which matches any type.
pub(crate) type ArgType = Option<SqlType>;

/// Why an expression has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EvalError {
    /// A null where a value is needed.
    #[error("a null value in arithmetic or logic")]
    Null,
    /// An integer divided by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A text that is not a number, or a number that does not fit.
    #[error("the value cannot be converted")]
    Conversion,
    /// NaN or infinity compared with a decimal constant.
    #[error("NaN or infinity has no decimal value")]
    NotFinite,
    /// A LIKE pattern that ends with its escape character.
    #[error("the pattern ends with the escape character")]
    DanglingEscape,
}

/// The names of all functions with their kinds: `SCALAR` or `AGGREGATE`.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let scalars = scalar::FUNCTIONS
        .iter()
        .map(|function| (function.name, "SCALAR"));
    let aggregates = aggregate::AGGREGATES
        .iter()
        .map(|function| (function.name, "AGGREGATE"));
    scalars.chain(aggregates)
}

/// The implementation of a scalar function.
pub(crate) type ScalarCall = fn(&[Value]) -> Result<Value, EvalError>;
